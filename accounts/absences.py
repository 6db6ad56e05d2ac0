"""Absences: who may enter them, who may stand in, and which there are."""

from dataclasses import dataclass

from django.db.models import Q

from accounts.models import Absence, RoleGrant, Team, User
from accounts.queries import named_like
from ledger.errors import Invalid, NotAllowed, Refusal, TransitionDenied
from portal.text import moment, one_line

NAMES_SHOWN = 3


@dataclass(frozen=True)
class Scope:
    """What an absence is about: one role ("": every role) in one team (None: every team)."""

    role: str = ""
    team: Team | None = None

    @property
    def words(self):
        role = f"the role {self.role}" if self.role else "every role"
        return f"{role} in {one_line(self.team.name)}" if self.team else role

    def grants(self, user, now):
        """The grants of a person, in force at `now`, that lie in the scope."""
        grants = RoleGrant.objects.in_force(now).filter(user=user).select_related("team")
        grants = grants.filter(role=self.role) if self.role else grants
        return grants.filter(Q(team__isnull=True) | Q(team=self.team)) if self.team else grants

    def places(self, user, now):
        """Where the person signs with what, as `(role, team)` within the scope; a team of None is everywhere."""
        found = {(grant.role, grant.team or self.team) for grant in self.grants(user, now)}
        return sorted(found, key=lambda place: (place[0], place[1].name if place[1] else ""))

    def overlapping(self, absences):
        """Those of `absences`, a queryset, that share a role and a team with the scope."""
        if self.role:
            absences = absences.filter(role__in=["", self.role])
        return absences.filter(Q(team__isnull=True) | Q(team=self.team)) if self.team else absences


EVERYTHING = Scope()

# --- Who may ---------------------------------------------------------------------------------------------------------


def check_can_enter_absence(by, user_id):
    """Oneself, or an administrator for somebody who cannot (who fell ill)."""
    if not by.is_active:
        raise NotAllowed("This account is deactivated.", code="inactive")
    if by.pk != user_id and not by.is_admin:
        raise NotAllowed("Only the person themselves or an administrator enters an absence.", code="oneself_only")


def check_can_cancel_absence(by, absence, *, now):
    """Oneself or an administrator, before it is over. Raises NotAllowed, TransitionDenied."""
    if not by.is_active or (by.pk != absence.user_id and not by.is_admin):
        raise NotAllowed("Only the person themselves or an administrator cancels an absence.", code="oneself_only")
    if absence.cancelled_at is not None:
        raise TransitionDenied(
            f"{absence.cancelled_by.printed_name} cancelled this absence on {moment(absence.cancelled_at)}.",
            code="absence_cancelled",
        )
    if absence.ends_at <= now:
        raise TransitionDenied(f"This absence ended by itself on {moment(absence.ends_at)}.", code="absence_over")


def can_cancel_absence(by, absence, *, now):
    try:
        check_can_cancel_absence(by, absence, now=now)
    except Refusal:
        return False
    return True


def check_stand_in(person, *, of, scope=EVERYTHING, now):
    """Whether a person can stand in for `of`: another active one who holds a role of theirs in the scope.

    Raises Invalid at `stand_in_id` that says which role is missing.
    """

    def refuse(sentence, code):
        raise Invalid.field("stand_in_id", sentence, code)

    if person is None:
        refuse("There is no such person.", "unknown")
    if person.pk == of.pk:
        refuse("Nobody stands in for themselves. Choose another person.", "self")
    if not person.is_active:
        refuse(f"{person.printed_name} is deactivated. Choose another person.", "inactive")
    places = scope.places(of, now)
    if not places:
        refuse(f"{of.printed_name} does not hold {_any(scope)}: nobody needs to stand in. Leave it empty.", "no_role")
    if not RoleGrant.objects.in_force(now).filter(_same_role(places), user=person).exists():
        refuse(f"{person.printed_name} does not hold {_missing(places)}. Choose somebody who does.", "role_missing")


def who_may_stand_in(user, *, scope=EVERYTHING, viewer=None, q="", now):
    """Active people the viewer sees who hold a role of `user` in the scope, by name; `q` looks in name and address."""
    places = scope.places(user, now)
    if not places:
        return User.objects.none()
    holders = RoleGrant.objects.in_force(now).filter(_same_role(places)).values("user_id")
    people = User.objects.active().visible_to(viewer or user).filter(pk__in=holders).exclude(pk=user.pk)
    return named_like(people, q)


def stand_in_warning(absence):
    """A sentence where the stand-in is away too in that time; chains do not work. None where all is well."""
    if absence.stand_in_id is None:
        return None
    also = _between(Absence.objects.filter(user=absence.stand_in_id), absence.starts_at, absence.ends_at)
    also = _scope_of(absence).overlapping(also).order_by("starts_at").first()
    if also is None:
        return None
    return (
        f"{absence.stand_in.printed_name} is away too, from {moment(also.starts_at)} until {moment(also.ends_at)}. "
        "Nobody steps in for a stand-in: what comes up then waits, or is delegated."
    )


def _same_role(places):
    """A condition on grants: the same role in the same place, or everywhere."""
    wanted = Q(pk__in=[])
    for role, team in places:
        wanted |= Q(role=role) if team is None else Q(role=role) & (Q(team__isnull=True) | Q(team=team))
    return wanted


def _missing(places):
    words = [f"the role {role}" + (f" in {one_line(team.name)}" if team else "") for role, team in places]
    words = [*words[:NAMES_SHOWN], *([f"{len(words) - NAMES_SHOWN} more"] if len(words) > NAMES_SHOWN else [])]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _any(scope):
    role = f"the role {scope.role}" if scope.role else "any signing role"
    return f"{role} in {one_line(scope.team.name)}" if scope.team else role


# --- Which there are --------------------------------------------------------------------------------------------------


def open_absences(user, *, now):
    """The person's present and coming absences, soonest first."""
    return with_people(user.absences.filter(cancelled_at__isnull=True, ends_at__gt=now)).order_by("starts_at", "id")


def past_absences(user, *, now):
    """Those that ended or were cancelled."""
    return with_people(user.absences.filter(Q(cancelled_at__isnull=False) | Q(ends_at__lte=now)))


def standing_in(user, *, now):
    """Absences of others, present and coming, in which the person stands in."""
    rows = user.stands_in_during.filter(cancelled_at__isnull=True, ends_at__gt=now)
    return with_people(rows).order_by("starts_at", "id")


def shown_absences(rows, user, now):
    """The rows as a list, each with its state, its scope in words and whether it is the user's to cancel."""
    rows = list(rows)
    for row in rows:
        row.state, row.scope_words = state_of(row, now), Scope(row.role, row.team).words
        row.can_cancel = row.user_id == user.pk and can_cancel_absence(user, row, now=now)
    return rows


def with_people(absences):
    return absences.select_related("user", "stand_in", "team", "created_by", "cancelled_by")


def state_of(absence, now):
    """`cancelled`, `past`, `present` or `coming`."""
    if absence.cancelled_at is not None:
        return "cancelled"
    if absence.ends_at <= now:
        return "past"
    return "present" if absence.starts_at <= now else "coming"


def overlapping_absence(user, *, scope, starts_at, ends_at):
    """An absence of this person that is not cancelled and shares time, role and team; or None."""
    return scope.overlapping(_between(user.absences, starts_at, ends_at)).order_by("starts_at").first()


def scope_teams(user):
    """The teams a person's absence can be limited to: theirs, and those they hold a role in."""
    granted = RoleGrant.objects.filter(user=user, revoked_at__isnull=True, team__isnull=False).values("team_id")
    return Team.objects.filter(Q(pk__in=user.memberships.values("team_id")) | Q(pk__in=granted))


def _between(absences, starts_at, ends_at):
    return absences.filter(cancelled_at__isnull=True, starts_at__lt=ends_at, ends_at__gt=starts_at)


def _scope_of(absence):
    return Scope(absence.role, absence.team)
