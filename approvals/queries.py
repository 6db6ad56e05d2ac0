"""Reads of ladders and stages shared by pages, API and My work."""

from django.db.models import Exists, F, OuterRef, Prefetch, Q

from accounts.enums import AccountAction
from accounts.models import AccountEvent, RoleGrant
from approvals.absences import principal_clear, stands_in
from approvals.duties import DECISIONS, stages_free_for
from approvals.enums import LadderStatus, StageStatus
from approvals.models import ApprovalAction, ApprovalStage


def stages_to_sign(user, *, now):
    """Stages in progress this person may sign now: assigned, delegated, as a stand-in, or open to a role they hold.

    Without ladders they requested or (the decision still in force) signed already; with stages somebody else claimed,
    which can be taken over. Soonest deadline first.
    """
    grants = RoleGrant.objects.in_force(now).filter(user=user, role=OuterRef("required_role"))
    holds_role = Exists(grants.filter(Q(team__isnull=True) | Q(team=OuterRef("ladder__execution__protocol__team"))))
    named = Q(assignee=user) | Q(delegated_to=user) | Q(assignee__isnull=True, delegated_to__isnull=True)
    named |= Q(stands_in(user, now=now)) & principal_clear(now=now)
    stages = ApprovalStage.objects.filter(status=StageStatus.IN_PROGRESS, ladder__status=LadderStatus.PENDING)
    if not user.is_active or user.must_change_password:
        return stages.none()
    return (
        stages_free_for(user, stages)
        .filter(named, holds_role)
        .select_related("ladder__execution__protocol", "ladder__requested_by", "assignee", "delegated_to", "claimed_by")
        .order_by(F("due_at").asc(nulls_last=True), "started_at", "id")
    )


def ladder_stages(ladder):
    """A ladder's stages in order with people, actions and signatures; three queries. Each has `ladder` set."""
    stages = list(
        ladder.stages.select_related("assignee", "delegated_to", "claimed_by")
        .prefetch_related(Prefetch("actions", queryset=actions_with_people()))
        .order_by("sequence_index")
    )
    for stage in stages:
        stage.ladder = ladder
    return stages


def password_resets(ladder, stages):
    """Passwords of people of this ladder that somebody else set since it was opened; their accounts' audit rows."""
    people = {each.actor_id for stage in stages for each in stage.actions.all() if each.action_type in DECISIONS}
    people |= {pk for stage in stages for pk in (stage.assignee_id, stage.delegated_to_id) if pk}
    if not people:
        return []
    return list(
        AccountEvent.objects.filter(
            action=AccountAction.PASSWORD_RESET, about__in=people, created_at__gt=ladder.created_at
        ).order_by("-created_at")
    )


def actions_with_people():
    """Actions, oldest first, with everything a page or the API shows of them."""
    return ApprovalAction.objects.select_related("actor", "delegation_target", "signature").order_by("created_at", "id")
