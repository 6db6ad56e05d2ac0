"""Pages of ladders: what applies where, versions, differences, audit log. Drafts are edited in the admin."""

from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.scoping import NOT_THERE
from governance.audit_words import told
from governance.differences import compared_stages, differences
from governance.enums import TemplateStatus
from governance.policies import can_manage_ladders
from governance.queries import names_in, roles_nobody_holds
from governance.scoping import visible_assignments, visible_families, visible_versions
from governance.stage_words import stage_parts
from governance.transitions import ladder_definition, stages_of
from portal.paging import page_of

COMPARABLE = 100  # versions offered to compare with
TABS = ("stages", "versions", "differences", "assignments", "audit")


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
    versions = visible_versions(request.user).filter(family=family).order_by("-version")
    shown = (
        (_version(versions, request.GET.get("version")) or _current(versions) or versions.first()) if family else None
    )
    if shown is None:
        raise Http404(NOT_THERE)
    before = _version(versions, request.GET.get("against")) or versions.filter(version__lt=shown.version).first()
    stages, earlier = stages_of(shown), stages_of(before) if before else []
    names = names_in([*stages, *earlier])
    places = visible_assignments(request.user).filter(template__family=family)
    context = {
        "family": family,
        "version_count": versions.count(),
        "shown": shown,
        "before": before,
        "tab": request.GET.get("tab") if request.GET.get("tab") in TABS else TABS[0],
        "manages": can_manage_ladders(request.user),
        "assign": _assign_page(shown),
        "stages": [(stage, stage_parts(stage, shown.default_stage_sla_hours, names)) for stage in stages],
        "unheld": roles_nobody_holds(stages),
        "place_count": places.count(),
    }
    return render(request, "governance/ladder.html", context | _tab(request, context, versions, places, names))


def _assign_page(version):
    """Where the admin assigns this version, with the form begun; "" for what cannot be assigned."""
    page = reverse("admin:governance_templateassignment_add")
    return f"{page}?template={version.pk}" if version.status == TemplateStatus.PUBLISHED else ""


def _tab(request, context, versions, places, names):
    """What the open tab shows, and nothing of the others."""
    tab, before, shown = context["tab"], context["before"], context["shown"]
    if tab == "versions":
        return {"page": page_of(versions.prefetch_related(None), request, order="-version")}
    if tab == "assignments":
        return {"page": page_of(places, request, order="-assigned_at"), "current": _current(versions)}
    if tab == "differences" and before:
        others = versions.exclude(pk=shown.pk).values_list("version", flat=True)[:COMPARABLE]
        return _compared(before, shown, names) | {"others": sorted({*others, before.version}, reverse=True)}
    if tab == "audit" and context["manages"]:
        log = context["family"].audit_log.select_related("actor", "template")
        page = page_of(log, request, order="-sequence")
        return {"page": page, "entries": told(page.items)}
    return {}


def _version(versions, given):
    if not (given and given.isascii() and given.isdigit() and len(given) < 10):
        return None
    return versions.filter(version=int(given)).first()


def _current(versions):
    return versions.filter(status=TemplateStatus.PUBLISHED).first()


def _compared(before, after, names):
    old, new = ladder_definition(before, stages_of(before)), ladder_definition(after, stages_of(after))
    return {"found": differences(old, new, names), "rows": compared_stages(old, new, names)}
