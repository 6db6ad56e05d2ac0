"""Who may sign, claim and reset (api.md, "Rules of the ladder"): `check_…` raises a sentence, the rest follows.

Four eyes are in `approvals.duties`, stand-ins in `approvals.absences`, delegation in `approvals.delegation`.
"""

from django.db.models import Q

from accounts.models import User
from accounts.roles import holds_role
from approvals.absences import absence_covering, span, stand_ins
from approvals.duties import DECIDED, DECISIONS, check_duties, free_of_duties, place, principal_fault, told_at
from approvals.enums import ActionType, LadderStatus, StageStatus
from ledger.canonical import rfc3339
from ledger.errors import NotAllowed, Refusal, TransitionDenied

NAMES_SHOWN = 3


def check_can_sign(user, stage, *, now):
    """Whether this person may decide this stage at this moment.

    Raises TransitionDenied when the stage is not in progress or somebody else claimed it, NotAllowed when somebody
    else has to sign.
    """
    check_eligible(user, stage, now=now)
    _check_not_claimed(user, stage)


def check_eligible(user, stage, *, now):
    """As `check_can_sign`, whoever claimed the stage."""
    check_in_progress(stage)
    check_account(user)
    try:
        check_duties(user, stage)
        _check_named(user, stage, now)
        _check_role(user, stage, now)
    except NotAllowed as refusal:
        raise NotAllowed(f"{refusal.sentence} {who_instead(stage, now=now)}", code=refusal.code) from None


def why_not_sign(user, stage, *, now):
    """The sentence `check_can_sign` would raise, or None."""
    return _sentence(check_can_sign, user, stage, now=now)


def can_sign(user, stage, *, now):
    return why_not_sign(user, stage, now=now) is None


def who_can_sign(stage, *, now):
    """The people who may sign this stage now, or will when its turn comes, as a queryset."""
    people = User.objects.holding(stage.required_role, team_of(stage), now).filter(must_change_password=False)
    named = {stage.assignee_id, stage.delegated_to_id} - {None}
    if named:
        able = Q(pk__in=named)
        if stage.assignee_id and principal_fault(stage.assignee, stage, now=now) is None:
            able |= Q(pk__in=stand_ins(stage, now=now))
        people = people.filter(able)
    return free_of_duties(people, stage)


def acting_as(user, stage, *, now):
    """In which capacity a person signs a stage, and for whom they stand in, as the statement says it."""
    if user.pk == stage.assignee_id:
        return {"capacity": "assignee", "of": None}
    if user.pk == stage.delegated_to_id:
        return {"capacity": "delegate", "of": person(stage.assignee or _giver_who_could_sign(stage, now))}
    absence = absence_covering(user, stage, now=now)
    if absence:
        lasting = {
            "id": str(absence.pk),
            "from": rfc3339(absence.starts_at),
            "until": rfc3339(absence.ends_at),
            "words": span(absence),
        }
        return {"capacity": "stand_in", "of": person(absence.user), "absence": lasting}
    return {"capacity": "role_holder", "of": None}


def check_can_claim(user, stage, *, now, take_over=True):
    """A stage in progress that names nobody may be claimed, or taken over, by whoever could sign it."""
    check_eligible(user, stage, now=now)
    if {stage.assignee_id, stage.delegated_to_id} != {None}:
        raise TransitionDenied("This stage names who signs it; there is nothing to claim.", code="not_a_group_stage")
    if stage.claimed_by_id == user.pk:
        raise TransitionDenied("You claimed this stage already.", code="claimed_already")
    if not take_over:
        _check_not_claimed(user, stage)


def why_not_claim(user, stage, *, now):
    return _sentence(check_can_claim, user, stage, now=now)


def check_can_release(user, stage):
    """Who claimed a stage gives it back; an administrator may do it for them."""
    if stage.claimed_by_id is None:
        raise TransitionDenied("Nobody claimed this stage.", code="not_claimed")
    if not user.is_active:
        raise NotAllowed("Your account is deactivated.", code="inactive")
    if user.pk != stage.claimed_by_id and not user.is_admin:
        raise NotAllowed(
            f"{stage.claimed_by.printed_name} claimed this stage and can release it; you can take it over instead.",
            code="not_yours",
        )


def why_not_release(user, stage):
    return _sentence(check_can_release, user, stage)


def check_can_reset(user, stage, *, artifact_ready=False):
    """A rejected stage: the requester or an administrator. An approved one: an administrator. Never once packaged."""
    if stage.status not in DECIDED:
        raise TransitionDenied(
            f"{_opening(place(stage))} has no decision that could be reset.", code="stage_not_decided"
        )
    if artifact_ready:
        raise TransitionDenied("The dossier is ready; what it proves is not reopened.", code="artifact_ready")
    if not user.is_active:
        raise NotAllowed("Your account is deactivated.", code="inactive")
    if user.is_admin:
        return
    if stage.status == StageStatus.APPROVED:
        raise NotAllowed("An approved stage is reset by an administrator only.", code="administrator_needed")
    if user.pk != stage.ladder.requested_by_id:
        raise NotAllowed(
            "A rejected stage is reset by who requested the export, or an administrator.", code="not_yours"
        )


def why_not_reset(user, stage, *, artifact_ready=False):
    return _sentence(check_can_reset, user, stage, artifact_ready=artifact_ready)


def check_in_progress(stage):
    """Raises TransitionDenied that says who decided the stage, or what it waits for."""
    if stage.status == StageStatus.IN_PROGRESS:
        return
    check_undecided(stage)
    raise TransitionDenied(
        f"{_opening(place(stage))} has not started; it waits for the stages before it.",
        code="stage_not_in_progress",
    )


def check_undecided(stage):
    """Raises TransitionDenied when the stage or its ladder is decided."""
    if stage.status in DECIDED:
        raise TransitionDenied(_already(stage, "this stage"), code="stage_already_decided")
    if stage.status == StageStatus.RESET or stage.ladder.status != LadderStatus.PENDING:
        rejected = stage.ladder.stages.filter(status=StageStatus.REJECTED).first()
        told = _already(rejected, place(rejected)) if rejected else "This ladder is closed."
        raise TransitionDenied(f"{told} The ladder ended there.", code="ladder_closed")


def check_account(user):
    """Raises NotAllowed for accounts that may not sign now."""
    if not user.is_active:
        raise NotAllowed("Your account is deactivated.", code="inactive")
    if user.must_change_password:
        raise NotAllowed("Change your password first; then you can sign.", code="password_change_required")


def decision_of(stage):
    """The decision in force on a decided stage: its newest. None on an undecided stage."""
    if stage.status not in DECIDED:
        return None
    return stage.actions.filter(action_type__in=DECISIONS).select_related("stage").order_by("-cycle").first()


def is_overdue(stage, *, now):
    """Whether a stage in progress is past its deadline."""
    return stage.status == StageStatus.IN_PROGRESS and stage.due_at is not None and stage.due_at < now


def team_of(stage):
    """The team whose roles count: that of the execution's protocol (None: only roles granted everywhere)."""
    return stage.ladder.execution.team_id


def who_instead(stage, *, now, people=None):
    """A sentence naming who can sign; `people` is what `who_can_sign` answered, where the caller has it."""
    people = who_can_sign(stage, now=now) if people is None else people
    names = [user.printed_name for user in people[: NAMES_SHOWN + 1]]
    if not names and (stage.assignee_id or stage.delegated_to_id):
        return "At present nobody whom it names can sign it; an administrator can delegate it."
    if not names:
        return f"At present nobody can sign it: nobody free to do so holds the role {stage.required_role} here."
    if len(names) > NAMES_SHOWN:
        return f"{', '.join(names[:NAMES_SHOWN])} and others can sign it."
    return f"{' or '.join(names)} can sign it."


def person(user):
    """A person in payloads and statements, with the printed name of this moment."""
    return {"id": str(user.pk), "name": user.printed_name} if user else None


def _check_not_claimed(user, stage):
    if stage.claimed_by_id not in (None, user.pk):
        raise TransitionDenied(
            f"{stage.claimed_by.printed_name} claimed this stage on {told_at(stage.claimed_at)}. "
            "Take it over, then you can sign.",
            code="claimed",
        )


def _check_named(user, stage, now):
    named = {stage.assignee_id, stage.delegated_to_id} - {None}
    if not named or user.pk in named:
        return
    if absence_covering(user, stage, now=now) is None:
        raise NotAllowed("This stage is assigned to somebody else.", code="not_yours")
    if fault := principal_fault(stage.assignee, stage, now=now):
        code, words = fault
        raise NotAllowed(f"{words}, so nobody stands in for them here.", code=code)


def _check_role(user, stage, now):
    if not holds_role(user, stage.required_role, team_of(stage), now=now):
        raise NotAllowed(f"You do not hold the role {stage.required_role} here.", code="role_missing")


def delegator(stage):
    """Who delegated the stage last, or None (its blueprint named the delegate)."""
    if stage.delegated_to_id is None:
        return None
    action = (
        stage.actions.filter(action_type=ActionType.DELEGATED, delegation_target=stage.delegated_to_id)
        .select_related("actor")
        .order_by("-created_at")
        .first()
    )
    return action.actor if action else None


def _giver_who_could_sign(stage, now):
    """Who delegated a stage that names no assignee, if the role is theirs; an administrator only chose the signer."""
    giver = delegator(stage)
    return giver if giver and holds_role(giver, stage.required_role, team_of(stage), now=now) else None


def _already(stage, place):
    decision = decision_of(stage)
    return f"{decision.actor_name} already {decision.action_type} {place} on {told_at(decision.created_at)}."


def _opening(words):
    return words[:1].upper() + words[1:]


def _sentence(check, *args, **kwargs):
    try:
        check(*args, **kwargs)
    except Refusal as refusal:
        return refusal.sentence
    return None
