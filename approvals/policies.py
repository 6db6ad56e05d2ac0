"""Who may sign, delegate and reset (api.md, "Rules of the ladder"): `check_…` raises a sentence, the rest follows."""

from datetime import UTC

from django.conf import settings
from django.db.models import Exists, OuterRef

from accounts.models import User
from accounts.roles import check_holds_role, holds_role
from approvals.enums import ActionType, LadderStatus, StageStatus
from approvals.models import ApprovalAction
from ledger.errors import Invalid, NotAllowed, Refusal, TransitionDenied

DECIDED = (StageStatus.APPROVED, StageStatus.REJECTED)
DECISIONS = (ActionType.APPROVED, ActionType.REJECTED)
UNDECIDED = (StageStatus.PENDING, StageStatus.IN_PROGRESS)
NAMES_SHOWN = 3


def check_can_sign(user, stage, *, now):
    """Whether this person may decide this stage at this moment.

    Raises TransitionDenied when the stage is not in progress, NotAllowed when somebody else has to sign.
    """
    check_in_progress(stage)
    check_account(user)
    try:
        _check_duties(user, stage)
        _check_named(user, stage)
        check_holds_role(user, stage.required_role, team_of(stage), now=now)
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
        people = people.filter(pk__in=named)
    if settings.SEPARATION_OF_DUTIES:
        people = people.exclude(pk=stage.ladder.requested_by_id).exclude(pk__in=_signers_of_other_stages(stage))
    return people


def acting_as(user, stage):
    """In which capacity a person signs a stage, and for whom they stand in, as the statement says it."""
    if user.pk == stage.assignee_id:
        return {"capacity": "assignee", "of": None}
    if user.pk == stage.delegated_to_id:
        return {"capacity": "delegate", "of": person(stage.assignee or _delegator(stage))}
    return {"capacity": "role_holder", "of": None}


def check_can_delegate(user, stage, *, now):
    """Its assignee, a holder of its role where nobody is named, who delegated it before, or an administrator.

    A delegate does not delegate on, and the requester does not choose who signs.
    """
    check_undecided(stage)
    check_account(user)
    if settings.SEPARATION_OF_DUTIES and user.pk == stage.ladder.requested_by_id:
        raise NotAllowed("You requested this, so you do not choose who signs it.", code="own_request")
    if user.is_admin or user.pk == stage.assignee_id:
        return
    if stage.delegated_to_id == user.pk:
        raise NotAllowed(
            "This stage was delegated to you; a delegate does not delegate on. Its assignee or an administrator can.",
            code="delegation_chain",
        )
    if stage.assignee_id is None and stage.delegated_to_id is None:
        _check_duties(user, stage)
        check_holds_role(user, stage.required_role, team_of(stage), now=now)
        return
    delegator = _delegator(stage)
    if stage.assignee_id is None and delegator and delegator.pk == user.pk:
        return
    raise NotAllowed("Only its assignee or an administrator delegates this stage.", code="not_yours")


def why_not_delegate(user, stage, *, now):
    return _sentence(check_can_delegate, user, stage, now=now)


def check_delegate(delegate, stage, *, by, now):
    """Whether this person can stand in: another active holder of the role who may sign. Raises Invalid."""

    def refuse(sentence, code):
        raise Invalid.field("delegate_id", sentence, code)

    if delegate is None:
        refuse("There is no such person.", "unknown")
    if delegate.pk == by.pk:
        refuse("Nobody delegates to themselves. Choose another person.", "self")
    if delegate.pk == stage.assignee_id:
        refuse(f"{delegate.printed_name} is the stage's assignee already.", "assignee")
    if not delegate.is_active:
        refuse(f"{delegate.printed_name} is deactivated. Choose another person.", "inactive")
    if not holds_role(delegate, stage.required_role, team_of(stage), now=now):
        refuse(f"{delegate.printed_name} does not hold the role {stage.required_role} here.", "role_missing")
    if settings.SEPARATION_OF_DUTIES:
        if delegate.pk == stage.ladder.requested_by_id:
            refuse(f"{delegate.printed_name} requested this and cannot sign it.", "own_request")
        if delegate.pk in set(_signers_of_other_stages(stage)):
            refuse(f"{delegate.printed_name} signed another stage of this ladder.", "already_signed")


def who_can_stand_in(stage, *, by, now):
    """The people `by` may delegate this stage to, as a queryset."""
    people = User.objects.holding(stage.required_role, team_of(stage), now)
    people = people.exclude(pk__in={by.pk, stage.assignee_id, stage.delegated_to_id} - {None})
    if settings.SEPARATION_OF_DUTIES:
        people = people.exclude(pk=stage.ladder.requested_by_id).exclude(pk__in=_signers_of_other_stages(stage))
    return people


def check_can_reset(user, stage, *, artifact_ready=False):
    """A rejected stage: the requester or an administrator. An approved one: an administrator. Never once packaged."""
    if stage.status not in DECIDED:
        raise TransitionDenied(
            f"{_opening(_place(stage))} has no decision that could be reset.", code="stage_not_decided"
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
        f"{_opening(_place(stage))} has not started; it waits for the stages before it.",
        code="stage_not_in_progress",
    )


def check_undecided(stage):
    """Raises TransitionDenied when the stage or its ladder is decided."""
    if stage.status in DECIDED:
        raise TransitionDenied(_already(stage, "this stage"), code="stage_already_decided")
    if stage.status == StageStatus.RESET or stage.ladder.status != LadderStatus.PENDING:
        rejected = stage.ladder.stages.filter(status=StageStatus.REJECTED).first()
        told = _already(rejected, _place(rejected)) if rejected else "This ladder is closed."
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
    return stage.actions.filter(action_type__in=DECISIONS).order_by("-cycle").first()


def decisions_in_force():
    """Decisions that no reset has superseded, as a queryset over all ladders."""
    later = ApprovalAction.objects.filter(
        stage=OuterRef("stage"), action_type__in=DECISIONS, cycle__gt=OuterRef("cycle")
    )
    return ApprovalAction.objects.filter(action_type__in=DECISIONS, stage__status__in=DECIDED).exclude(Exists(later))


def is_overdue(stage, *, now):
    """Whether a stage in progress is past its deadline."""
    return stage.status == StageStatus.IN_PROGRESS and stage.due_at is not None and stage.due_at < now


def team_of(stage):
    """The team whose roles count: that of the execution's protocol (None: only roles granted everywhere)."""
    return stage.ladder.execution.team_id


def who_instead(stage, *, now):
    """A sentence naming who can sign."""
    names = [user.printed_name for user in who_can_sign(stage, now=now)[: NAMES_SHOWN + 1]]
    if not names:
        return f"At present nobody can sign it: nobody free to do so holds the role {stage.required_role} here."
    if len(names) > NAMES_SHOWN:
        return f"{', '.join(names[:NAMES_SHOWN])} and others can sign it."
    return f"{' or '.join(names)} can sign it."


def told_at(moment):
    """A moment as refusals name it."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def person(user):
    """A person in payloads and statements, with the printed name of this moment."""
    return {"id": str(user.pk), "name": user.printed_name} if user else None


def _check_duties(user, stage):
    if not settings.SEPARATION_OF_DUTIES:
        return
    if user.pk == stage.ladder.requested_by_id:
        raise NotAllowed("You requested this, so you cannot sign it.", code="own_request")
    signed = _decisions_on_other_stages(stage).filter(actor=user).select_related("stage").first()
    if signed:
        raise NotAllowed(
            f"You signed {_place(signed.stage)} on {told_at(signed.created_at)}; "
            "nobody signs two stages of one ladder.",
            code="already_signed",
        )


def _check_named(user, stage):
    named = {stage.assignee_id, stage.delegated_to_id} - {None}
    if named and user.pk not in named:
        raise NotAllowed("This stage is assigned to somebody else.", code="not_yours")


def _decisions_on_other_stages(stage):
    return decisions_in_force().filter(stage__ladder=stage.ladder_id).exclude(stage=stage.pk)


def _signers_of_other_stages(stage):
    return _decisions_on_other_stages(stage).values_list("actor_id", flat=True)


def _delegator(stage):
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


def _already(stage, place):
    decision = decision_of(stage)
    return f"{decision.actor_name} already {decision.action_type} {place} on {told_at(decision.created_at)}."


def _place(stage):
    return f"stage {stage.sequence_index}, {stage.name},"


def _opening(words):
    return words[:1].upper() + words[1:]


def _sentence(check, *args, **kwargs):
    try:
        check(*args, **kwargs)
    except Refusal as refusal:
        return refusal.sentence
    return None
