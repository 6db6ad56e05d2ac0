"""Who may do what with baselines (api.md, "Governance"): `check_…` raises a sentence, the rest follows."""

from datetime import UTC

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import SYSTEM_EMAIL, Absence, Membership, RoleGrant, User
from baselines.enums import BASELINE_MOVES, BaselineStatus
from experiments.models import Execution, ExecutionAccess
from ledger.errors import Invalid, NotAllowed, Refusal, TransitionDenied


def check_can_submit(user, execution):
    """Who sees the run."""
    check_active(user)
    if not Execution.objects.visible_to(user).filter(pk=execution.pk).exists():
        raise NotAllowed("Only who sees this run may submit it as a baseline.", code="run_not_visible")


def check_can_review(user, baseline):
    """A reviewer named on it or an administrator; never who submitted it, nor who stands in for them now."""
    check_move(baseline, BaselineStatus.APPROVED)
    check_active(user)
    if user.pk == baseline.submitted_by_id:
        raise NotAllowed("You submitted this baseline, so somebody else reviews it.", code="own_submission")
    _check_reviewer_or_administrator(user, baseline, "review")
    if user.pk in stand_ins_of(baseline.submitted_by_id):
        raise NotAllowed(
            "You stand in for who submitted this baseline, so somebody else reviews it.", code="submitters_stand_in"
        )


def check_as_seen(baseline, seen):
    """Nobody decides on words they have not read; `seen` of None was not looked at on a page."""
    if seen is not None and seen != baseline.event_count:
        again = baseline.status == BaselineStatus.REJECTED
        happened = "submitted again and rejected again" if again else "changed and submitted again"
        raise TransitionDenied(
            f"This baseline was {happened} since you opened it. It is shown as it is now; read it, then decide.",
            code="stale",
        )


def check_can_publish(user, baseline):
    """A reviewer named on it or an administrator, once it is approved.

    An administrator's own too: somebody else approved every word of it, and the history says so (ADR 0018).
    """
    check_move(baseline, BaselineStatus.PUBLISHED)
    check_active(user)
    _check_reviewer_or_administrator(user, baseline, "publish")


def check_can_roll_back(user, baseline):
    """An administrator, and what is published."""
    check_move(baseline, BaselineStatus.ROLLED_BACK)
    check_active(user)
    if not user.is_admin:
        raise NotAllowed("Only an administrator rolls a baseline back.", code="administrators_only")


def check_can_resubmit(user, baseline):
    """Who submitted it, after a rejection, while they still see the run."""
    check_move(baseline, BaselineStatus.SUBMITTED)
    check_active(user)
    if user.pk != baseline.submitted_by_id:
        raise NotAllowed("Only who submitted this baseline may submit it again.", code="not_the_submitter")
    check_can_submit(user, baseline.execution)


def check_target(target, baseline):
    """What becomes current again: an earlier version of the same protocol that is still published."""
    if target is None or target.protocol_id != baseline.protocol_id:
        _refuse_target("There is no such version of this protocol.", "unknown_target")
    if target.pk == baseline.pk:
        _refuse_target("This is the version being rolled back. Name an earlier one, or none.", "same_version")
    if target.status == BaselineStatus.ROLLED_BACK:
        _refuse_target(f"{target} was rolled back itself and cannot become current again.", "target_rolled_back")
    if target.status != BaselineStatus.PUBLISHED:
        _refuse_target(f"{target} was never published.", "target_not_published")
    if target.version_number > baseline.version_number:
        _refuse_target(f"{target} is later than the version being rolled back. Name an earlier one.", "target_later")
    if not baseline.is_current:
        raise TransitionDenied(
            f"{baseline} is not the current version, so nothing else becomes current. Roll it back without a target.",
            code="not_current",
        )


def check_reviewer(person, *, submitter, stand_ins):
    """Whether somebody can be named as a reviewer; `stand_ins` from `stand_ins_of`. Raises Invalid at `reviewer_ids`.

    Any active person but the submitter and who stands in for them: being named is what lets them see the run.
    `who_may_review` is narrower, it is what a search suggests.
    """
    if person is None or person.email == SYSTEM_EMAIL:
        _refuse_reviewer("There is no such person.", "unknown")
    if person.pk == submitter.pk:
        _refuse_reviewer("Nobody reviews what they submitted. Name somebody else.", "own_submission")
    if not person.is_active:
        _refuse_reviewer(f"{person.printed_name} is deactivated. Name somebody else.", "inactive")
    if person.pk in stand_ins:
        _refuse_reviewer(
            f"{person.printed_name} stands in for {submitter.printed_name} and cannot review what they submit.",
            "submitters_stand_in",
        )


def who_may_be_named(*, submitter):
    """Everybody `check_reviewer` lets pass."""
    people = User.objects.active().exclude(pk=submitter.pk).exclude(pk__in=_standing_in(submitter.pk))
    return people.order_by("full_name", "email")


def who_may_review(execution, *, submitter):
    """Whom a search offers first: who sees the run, or holds a role in its protocol's team or everywhere."""
    now, team_id = timezone.now(), execution.team_id
    grants = RoleGrant.objects.in_force(now).filter(user=OuterRef("pk")).filter(Q(team__isnull=True) | Q(team=team_id))
    named = ExecutionAccess.objects.filter(execution=execution.pk, user=OuterRef("pk"))
    sees = Q(is_admin=True) | Q(pk=execution.run_by_id) | Exists(named)
    if team_id:
        sees |= Exists(Membership.objects.filter(team=team_id, user=OuterRef("pk")))
    return who_may_be_named(submitter=submitter).filter(sees | Exists(grants))


def stand_ins_of(user_id):
    """The ids of whom an absence that is in force makes the stand-in of this person."""
    return set(_standing_in(user_id))


def _standing_in(user_id):
    away = Absence.objects.in_force(timezone.now()).filter(user=user_id, stand_in__isnull=False)
    return away.values_list("stand_in", flat=True)


def is_reviewer(user, baseline):
    return any(person.pk == user.pk for person in baseline.reviewers.all())


def check_active(user):
    if not user.is_active:
        raise NotAllowed("Your account is deactivated.", code="inactive")


def check_move(baseline, to):
    """Raises TransitionDenied that says where the baseline stands."""
    if to not in BASELINE_MOVES[BaselineStatus(baseline.status)]:
        raise TransitionDenied(f"{_standing(baseline)} {_NEEDED[to]}", code=_CODES[to])


_NEEDED = {
    BaselineStatus.APPROVED: "Only what waits for review is reviewed.",
    BaselineStatus.PUBLISHED: "Only an approved baseline is published.",
    BaselineStatus.ROLLED_BACK: "Only a published baseline is rolled back.",
    BaselineStatus.SUBMITTED: "Only a rejected baseline is submitted again.",
}
_CODES = {
    BaselineStatus.APPROVED: "not_to_review",
    BaselineStatus.PUBLISHED: "not_approved",
    BaselineStatus.ROLLED_BACK: "not_published",
    BaselineStatus.SUBMITTED: "not_rejected",
}


def _standing(baseline):
    status = BaselineStatus(baseline.status)
    by, at = {
        BaselineStatus.SUBMITTED: (baseline.submitted_by, baseline.submitted_at),
        BaselineStatus.APPROVED: (baseline.reviewed_by, baseline.reviewed_at),
        BaselineStatus.REJECTED: (baseline.reviewed_by, baseline.reviewed_at),
        BaselineStatus.PUBLISHED: (baseline.published_by, baseline.published_at),
        BaselineStatus.ROLLED_BACK: (baseline.rolled_back_by, baseline.rolled_back_at),
    }[status]
    at = at.astimezone(UTC)
    verb = status.value.replace("_", " ")
    return f"{by.printed_name} {verb} this baseline on {at.day} {at:%b %Y, %H:%M} UTC."


def _check_reviewer_or_administrator(user, baseline, verb):
    if not user.is_admin and not is_reviewer(user, baseline):
        raise NotAllowed(
            f"Only a reviewer named on this baseline or an administrator may {verb} it.", code="not_a_reviewer"
        )


def _refuse_reviewer(sentence, code):
    raise Invalid.field("reviewer_ids", sentence, code)


def _refuse_target(sentence, code):
    raise Invalid.field("target_version_id", sentence, code)


def why_not_submit(user, execution):
    """The sentence `check_can_submit` would raise, or None; the others alike."""
    return _sentence(check_can_submit, user, execution)


def why_not_review(user, baseline):
    return _sentence(check_can_review, user, baseline)


def why_not_publish(user, baseline):
    return _sentence(check_can_publish, user, baseline)


def why_not_roll_back(user, baseline):
    return _sentence(check_can_roll_back, user, baseline)


def why_not_resubmit(user, baseline):
    return _sentence(check_can_resubmit, user, baseline)


def why_not_reviewer(person, *, submitter, stand_ins):
    return _sentence(check_reviewer, person, submitter=submitter, stand_ins=stand_ins)


def _sentence(check, *arguments, **named):
    try:
        check(*arguments, **named)
    except Refusal as refusal:
        return refusal.sentence
    return None
