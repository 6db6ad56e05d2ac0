"""Who may hand a stage on, and to whom: `check_…` raises a sentence, lists and tooltips follow from it."""

from django.conf import settings

from accounts.models import User
from accounts.queries import named_like, people_matching
from accounts.roles import check_holds_role
from approvals.absences import absences_at, present
from approvals.duties import check_duties, free_of_duties, signers_of_other_stages, told_at
from approvals.policies import check_account, check_undecided, delegator, team_of
from ledger.errors import Invalid, NotAllowed, Refusal

SHOWN = 10


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
        check_duties(user, stage)
        check_holds_role(user, stage.required_role, team_of(stage), now=now)
        if stage.claimed_by_id not in (None, user.pk):
            raise NotAllowed(f"{stage.claimed_by.printed_name} claimed this stage.", code="claimed")
        return
    giver = delegator(stage)
    if stage.assignee_id is None and giver and giver.pk == user.pk:
        return
    raise NotAllowed("Only its assignee or an administrator delegates this stage.", code="not_yours")


def why_not_delegate(user, stage, *, now):
    try:
        check_can_delegate(user, stage, now=now)
    except Refusal as refusal:
        return refusal.sentence
    return None


def check_delegate(delegate, stage, *, by, now):
    """Whether this person can stand in: another active holder of the role who is there and may sign.

    Raises Invalid at `delegate_id`.
    """
    if delegate is None:
        raise Invalid.field("delegate_id", "There is no such person.", "unknown")
    if fault := delegate_faults([delegate], stage, by=by, now=now)[delegate.pk]:
        code, sentence = fault
        raise Invalid.field("delegate_id", sentence, code)


def delegate_faults(people, stage, *, by, now):
    """Why each of these people cannot be the delegate, as `{id: (code, sentence) or None}`; five queries."""
    people = list(people)
    holders = set(User.objects.holding(stage.required_role, team_of(stage), now).values_list("pk", flat=True))
    away = {each.user_id: each for each in absences_at(stage, people, now=now)}
    signers = set(signers_of_other_stages(stage)) if settings.SEPARATION_OF_DUTIES else set()
    uploaders = set(stage.ladder.uploaders.values_list("pk", flat=True)) if stage.excludes_uploaders else set()
    return {
        each.pk: _own_fault(each, stage, by)
        or _fault(each, stage, holders=holders, away=away, signers=signers, uploaders=uploaders)
        for each in people
    }


def _own_fault(person, stage, by):
    name = person.printed_name
    if person.pk == by.pk:
        return "self", "Nobody delegates to themselves. Choose another person."
    if person.pk == stage.assignee_id:
        return "assignee", f"{name} is the stage's assignee already."
    if not person.is_active:
        return "inactive", f"{name} is deactivated. Choose another person."
    return None


def _fault(person, stage, *, holders, away, signers, uploaders):
    name = person.printed_name
    if person.pk not in holders:
        return "role_missing", f"{name} does not hold the role {stage.required_role} here."
    if settings.SEPARATION_OF_DUTIES and person.pk == stage.ladder.requested_by_id:
        return "own_request", f"{name} requested this and cannot sign it."
    if person.pk in signers:
        return "already_signed", f"{name} signed another stage of this ladder."
    if person.pk in uploaders:
        return "own_evidence", f"{name} brought evidence that is signed here."
    if person.pk in away:
        return "away", f"{name} is away until {told_at(away[person.pk].ends_at)}. Choose somebody who is there."
    return None


def who_can_stand_in(stage, *, by, now):
    """The people `by` may delegate this stage to, as a queryset."""
    people = User.objects.holding(stage.required_role, team_of(stage), now)
    people = people.exclude(pk__in={by.pk, stage.assignee_id, stage.delegated_to_id} - {None})
    return present(free_of_duties(people, stage), stage, now=now)


def candidates(stage, text, *, by, now):
    """What a search for a delegate shows: `(people who can, [(person, why not)])`, ten of each at most.

    Of those who cannot, only people `by` may see are named.
    """
    able = who_can_stand_in(stage, by=by, now=now)
    can = list(named_like(able, text)[:SHOWN])
    found = people_matching(by, text, now=now).exclude(pk__in=able.values("pk"))
    others = list(found[:SHOWN]) if text.strip() else []
    faults = delegate_faults(others, stage, by=by, now=now)
    told = [
        (each, faults[each.pk] or ("delegate", "The stage is delegated to this person already.")) for each in others
    ]
    return can, [(each, sentence) for each, (_, sentence) in told]
