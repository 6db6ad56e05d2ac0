"""Which ladders a person sees: one rule for pages, API and the fragments of higher apps."""

from django.db.models import Prefetch, Q

from experiments.models import Execution
from governance.enums import TemplateStatus
from governance.models import TemplateAssignment, TemplateFamily, TemplateSnapshot, TemplateStage, WorkflowTemplate
from governance.policies import can_manage_ladders


def visible_families(user):
    """All for who manages ladders; else those that apply to the person's teams or to a run they see."""
    if can_manage_ladders(user):
        return TemplateFamily.objects.all()
    return TemplateFamily.objects.filter(pk__in=_families_in_force(user))


def _families_in_force(user):
    return visible_assignments(user).filter(revoked_at__isnull=True).values("template__family_id")


def visible_assignments(user):
    """All for who manages ladders; else those of the person's teams and of runs they see."""
    rows = TemplateAssignment.objects.select_related("team", "protocol", "template", "assigned_by", "revoked_by")
    if can_manage_ladders(user):
        return rows
    runs, teams = Execution.objects.visible_to(user), user.memberships.values("team_id")
    return rows.filter(
        Q(team__in=teams)
        | Q(protocol__team__in=teams)
        | Q(protocol__in=runs.values("protocol_id"))
        | Q(team__in=runs.values("protocol__team_id"))
    )


def visible_versions(user):
    """Drafts and archived versions are for who manages ladders."""
    rows = WorkflowTemplate.objects.select_related(
        "family", "published_by", "created_by", "forked_from__family"
    ).prefetch_related(Prefetch("stages", TemplateStage.objects.order_by("position", "id")))
    return rows if can_manage_ladders(user) else rows.filter(status=TemplateStatus.PUBLISHED)


def visible_snapshots(user):
    """Published snapshots of the ladders that the person sees."""
    if can_manage_ladders(user):
        return TemplateSnapshot.objects.all()
    return TemplateSnapshot.objects.filter(template__family__in=_families_in_force(user))
