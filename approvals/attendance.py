"""Whether somebody is there to sign each stage that is still to come, before a ladder is stuck on it.

Five queries however many stages. With separation of duties it also sees that two stages would need the same person.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q

from accounts.models import Absence, RoleGrant, User
from approvals.duties import signers_in_force, told_at
from approvals.enums import StageStatus

UNDECIDED = (StageStatus.PENDING, StageStatus.IN_PROGRESS)
NEEDED_ELSEWHERE = (
    "There are too few different people: everybody who is there and could sign it is needed for another stage, "
    "and nobody signs two."
)


@dataclass(frozen=True)
class Seat:
    """A stage that somebody has to sign: `key` names it, `named` are its assignee and delegate."""

    key: object
    role: str
    assignee: User | None = None
    delegate: User | None = None
    excludes_uploaders: bool = False

    @property
    def named(self):
        return [each for each in (self.delegate, self.assignee) if each]


def starving(ladder, stages, *, now):
    """`{stage id: sentence}` for each undecided stage of a ladder that nobody who is there could sign."""
    seats = [
        Seat(stage.pk, stage.required_role, stage.assignee, stage.delegated_to, stage.excludes_uploaders)
        for stage in stages
        if stage.status in UNDECIDED
    ]
    if not seats:
        return {}
    barred = {ladder.requested_by_id, *signers_in_force(ladder)} if settings.SEPARATION_OF_DUTIES else set()
    uploaders = set()
    if any(seat.excludes_uploaders for seat in seats):
        uploaders = set(ladder.uploaders.values_list("pk", flat=True))
    return too_few(seats, team_id=ladder.execution.team_id, barred=barred, uploaders=uploaders, now=now)


def too_few(seats, *, team_id, barred=frozenset(), uploaders=frozenset(), now):
    """`{key: sentence}` for the seats that starve; `barred` and `uploaders` are ids of people."""
    holders, granted = _holders({seat.role for seat in seats}, team_id, now)
    absences = _absences(holders, seats, team_id, now)
    found, there = {}, {}
    for seat in seats:
        kept = barred | (uploaders if seat.excludes_uploaders else set())
        able = _able(seat, holders[seat.role], absences, kept, stands_for=granted[seat.role] - kept)
        away = {each.user_id: each for each in absences if each.role in ("", seat.role)}
        present = able - set(away)
        if present:
            there[seat.key] = present
        else:
            found[seat.key] = _sentence(seat, [away[pk] for pk in able])
    if settings.SEPARATION_OF_DUTIES:
        found |= dict.fromkeys(_unmatched(there), NEEDED_ELSEWHERE)
    return found


def _holders(roles, team_id, now):
    """Ids of people by role: who could sign, and who holds it at all."""
    grants = RoleGrant.objects.in_force(now).filter(role__in=roles).filter(Q(team__isnull=True) | Q(team=team_id))
    grants = grants.filter(user__in=User.objects.active())
    holders, granted = {role: set() for role in roles}, {role: set() for role in roles}
    for role, user_id, must_change in grants.values_list("role", "user_id", "user__must_change_password"):
        granted[role].add(user_id)
        if not must_change:
            holders[role].add(user_id)
    return holders, granted


def _absences(holders, seats, team_id, now):
    people = set().union(*holders.values()) | {each.pk for seat in seats for each in seat.named}
    absences = Absence.objects.in_force(now).filter(user__in=people)
    absences = absences.filter(Q(team__isnull=True) | Q(team=team_id))
    return list(absences.select_related("user").order_by("ends_at", "user__full_name", "id"))


def _able(seat, holders, absences, barred, *, stands_for):
    """The ids of who could sign; `stands_for` are those somebody may stand in for."""
    if not seat.named:
        return holders - barred
    named = {each.pk for each in seat.named}
    if seat.assignee and seat.assignee.pk in stands_for:
        named |= {
            each.stand_in_id
            for each in absences
            if each.user_id == seat.assignee.pk and each.role in ("", seat.role) and each.stand_in_id
        }
    return (named & holders) - barred


def _sentence(seat, absences):
    if gone := [each for each in seat.named if not each.is_active]:
        return f"Nobody can sign it: {gone[0].printed_name} is deactivated. An administrator can delegate it."
    if not absences and seat.named:
        return "Nobody whom it names can sign it at present. An administrator can delegate it."
    if not absences:
        return f"Nobody can sign it: nobody free to do so holds the role {seat.role} here."
    soonest = min(absences, key=lambda absence: (absence.ends_at, absence.user not in seat.named))
    return f"Nobody who can sign it is there: {soonest.user.printed_name} is back on {told_at(soonest.ends_at)}."


def _unmatched(there):
    """The keys that get nobody when each person takes one at most (augmenting paths)."""
    taken = {}

    def seated(key, tried):
        for person in there[key] - tried:
            tried.add(person)
            if person not in taken or seated(taken[person], tried):
                taken[person] = key
                return True
        return False

    return [key for key in there if not seated(key, set())]
