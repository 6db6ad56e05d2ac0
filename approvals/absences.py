"""How absences reach a ladder: the stand-in of an absent assignee may sign, and who is away is said beforehand.

A stand-in steps in for the stage's assignee only, never for a delegate or for another stand-in: chains do not work.
"""

from datetime import UTC, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, Subquery

from accounts.models import Absence, RoleGrant
from approvals.duties import decisions_in_force
from approvals.models import ApprovalLadder


def absence_covering(user, stage, *, now):
    """The absence of the stage's assignee that makes `user` the stand-in, or None."""
    if stage.assignee_id is None:
        return None
    absences = _in_scope(Absence.objects.in_force(now), stage).filter(user=stage.assignee_id, stand_in=user)
    return absences.select_related("user", "stand_in").order_by("starts_at").first()


def stand_ins(stage, *, now):
    """The ids of who stands in for the stage's assignee now, as a query."""
    absences = _in_scope(Absence.objects.in_force(now), stage)
    return absences.filter(user=stage.assignee_id, stand_in__isnull=False).values("stand_in")


def absences_at(stage, people, *, now):
    """The absences of these people that touch the stage now, soonest back first."""
    return list(
        _in_scope(Absence.objects.in_force(now), stage)
        .filter(user__in=people)
        .select_related("user", "stand_in")
        .order_by("ends_at")
    )


def present(people, stage, *, now):
    """`people`, a queryset, without who is away."""
    return people.exclude(pk__in=_in_scope(Absence.objects.in_force(now), stage).values("user"))


def stands_in(user, *, now):
    """A condition on stages: their assignee is away and `user` the stand-in."""
    absences = Absence.objects.in_force(now).filter(
        Q(role="") | Q(role=OuterRef("required_role")),
        Q(team__isnull=True) | Q(team=OuterRef("ladder__execution__protocol__team")),
        user=OuterRef("assignee"),
        stand_in=user,
    )
    return Exists(absences)


def with_absence_end(stages, *, now):
    """`stages`, a queryset, each with `assignee_back_at`: when the absence of its assignee ends (None: present)."""
    absences = Absence.objects.in_force(now).filter(user=OuterRef("assignee"))
    return stages.annotate(assignee_back_at=Subquery(absences.order_by("-ends_at").values("ends_at")[:1]))


def principal_clear(*, now):
    """A condition on stages: `approvals.duties.principal_fault` finds nothing against their assignee."""
    grants = RoleGrant.objects.in_force(now).filter(user=OuterRef("assignee"), role=OuterRef("required_role"))
    grants = grants.filter(Q(team__isnull=True) | Q(team=OuterRef("ladder__execution__protocol__team")))
    brought = ApprovalLadder.objects.filter(pk=OuterRef("ladder"), uploaders=OuterRef("assignee"))
    clear = Q(assignee__is_active=True) & Exists(grants) & (Q(excludes_uploaders=False) | ~Exists(brought))
    if not settings.SEPARATION_OF_DUTIES:
        return clear
    signed = decisions_in_force().filter(stage__ladder=OuterRef("ladder"), actor=OuterRef("assignee"))
    return clear & ~Exists(signed) & ~Q(assignee=F("ladder__requested_by"))


def span(absence):
    """`12 to 19 May 2026`, as signatures print it: first and last day, UTC."""
    first = absence.starts_at.astimezone(UTC)
    last = (absence.ends_at - timedelta(microseconds=1)).astimezone(UTC)
    if first.date() == last.date():
        return f"{first.day} {first:%b %Y}"
    start = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        start += f" {first:%b}" + (f" {first.year}" if first.year != last.year else "")
    return f"{start} to {last.day} {last:%b %Y}"


def _in_scope(absences, stage):
    team_id = stage.ladder.execution.team_id
    return absences.filter(Q(role="") | Q(role=stage.required_role), Q(team__isnull=True) | Q(team=team_id))
