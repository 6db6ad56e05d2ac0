"""Pages of ladders: what applies where, versions, differences, audit log. Drafts are edited in the admin."""

from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch, Q
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.scoping import NOT_THERE
from experiments.models import Execution
from governance.differences import differences, side_by_side, stage_in_words
from governance.enums import TemplateStatus
from governance.models import TemplateAssignment, TemplateFamily, TemplateStage, WorkflowTemplate
from governance.policies import can_manage_ladders
from governance.transitions import ladder_definition, stages_of
from portal.paging import page_of

TABS = ("stages", "versions", "differences", "assignments", "audit")


def visible_families(user):
    """All for who manages ladders; else those that apply to a run the person sees."""
    if can_manage_ladders(user):
        return TemplateFamily.objects.all()
    return TemplateFamily.objects.filter(
        pk__in=visible_assignments(user).filter(revoked_at__isnull=True).values("template__family_id")
    )


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
        "published_by", "created_by", "forked_from__family"
    ).prefetch_related(Prefetch("stages", TemplateStage.objects.order_by("position", "id")))
    return rows if can_manage_ladders(user) else rows.filter(status=TemplateStatus.PUBLISHED)


@login_required
@require_safe
def ladder_list(request):
    """Which ladder applies where."""
    in_force = visible_assignments(request.user).filter(revoked_at__isnull=True)
    families = visible_families(request.user).prefetch_related(
        Prefetch("versions", visible_versions(request.user).order_by("-version"), to_attr="shown"),
    )
    page = page_of(families, request, order="template_key")
    places = {}
    for assignment in in_force.filter(template__family__in=[family.pk for family in page.items]):
        places.setdefault(assignment.template.family_id, []).append(assignment)
    rows = [_row(family, places.get(family.pk, [])) for family in page.items]
    context = {"page": page, "rows": rows, "manages": can_manage_ladders(request.user)}
    return render(request, "governance/ladder_list.html", context)


def _row(family, assignments):
    current = next((row for row in family.shown if row.status == TemplateStatus.PUBLISHED), None)
    shown = current or (family.shown[0] if family.shown else None)
    draft = next((row for row in family.shown if row.status == TemplateStatus.DRAFT), None)
    return {"family": family, "shown": shown, "current": current, "draft": draft, "assignments": assignments}


@login_required
@require_safe
def ladder(request, key):
    """One ladder: its versions, a version's stages in words, differences, where it applies, its audit log."""
    family = visible_families(request.user).filter(template_key=key).first()
    versions = list(visible_versions(request.user).filter(family=family).order_by("-version")) if family else []
    if not versions:
        raise Http404(NOT_THERE)
    for version in versions:
        version.family = family
    shown = _version(versions, request.GET.get("version")) or _current(versions) or versions[0]
    before = _version(versions, request.GET.get("against")) or _before(versions, shown)
    tab = request.GET.get("tab") if request.GET.get("tab") in TABS else TABS[0]
    names = _names(versions)
    context = {
        "family": family,
        "versions": versions,
        "shown": shown,
        "before": before,
        "tab": tab,
        "manages": can_manage_ladders(request.user),
        "stages": [(stage, _words(stage, shown, names)) for stage in stages_of(shown)],
    }
    places = visible_assignments(request.user).filter(template__family=family)
    context["place_count"] = places.count()
    if tab == "assignments":
        context["page"] = page_of(places, request, order="-assigned_at")
    if before and tab == "differences":
        context |= _compared(before, shown, names)
    if context["manages"] and tab == "audit":
        context["page"] = page_of(family.audit_log.select_related("actor", "template"), request, order="-sequence")
    return render(request, "governance/ladder.html", context)


def _version(versions, given):
    return next((row for row in versions if str(row.version) == given), None)


def _current(versions):
    return next((row for row in versions if row.status == TemplateStatus.PUBLISHED), None)


def _before(versions, shown):
    return next((row for row in versions if row.version < shown.version), None)


def _names(versions):
    wanted = {stage.assignee_id for version in versions for stage in version.stages.all() if stage.assignee_id}
    return {str(user.pk): user.printed_name for user in User.objects.filter(pk__in=wanted)}


def _words(stage, template, names):
    return stage_in_words(stage, template.default_stage_sla_hours, names)


def _compared(before, after, names):
    old, new = ladder_definition(before, stages_of(before)), ladder_definition(after, stages_of(after))
    rows = [
        (left and _words(left, before, names), right and _words(right, after, names))
        for left, right in side_by_side(old, new)
    ]
    return {"found": differences(old, new), "rows": rows}
