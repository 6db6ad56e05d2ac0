"""The compose page: ladder, evidence, notes, preview; one press requests the export."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import RoleGrant, User
from approvals.attendance import Seat, too_few
from approvals.calendars import calendar_of
from approvals.sla import deadline
from evidence.catalog import discover
from evidence.enums import EvidenceType
from governance.blueprint import DEFAULT_ROLE
from governance.queries import assigned_snapshot, blueprint_of, names_in
from governance.stage_rules import stage_rules
from governance.stage_words import stage_parts
from ledger.errors import Refusal, TransitionDenied
from narratives.differences import narrative_diff
from narratives.forms import ComposeForm
from narratives.models import NarrativeExport
from narratives.queries import execution_or_404, export_or_404, rejection_of
from narratives.reading import narrative_page
from narratives.rendering import blocks
from narratives.transitions import create_export, draft_export
from portal.text import file_size, one_line

PREVIEWED = 20
DIFF_LINES = 400


@login_required
@require_http_methods(["GET", "POST"])
def export_compose(request, execution_id):
    """Every button of the page submits the one form; only `request` writes."""
    execution = execution_or_404(request.user, execution_id)
    assigned, _ = assigned_snapshot(execution.protocol_id, execution.team_id)
    form, action, status, shown = ComposeForm(request.POST or None), request.POST.get("do", ""), 200, {}
    before = _reworked(request, execution)
    if before and request.method == "GET":
        form.take_over(before)
    form.press(action)
    if request.method == "POST" and action in ("preview", "changes", "request"):
        try:
            _check_ladder_shown(request, assigned)
            draft = draft_export(
                execution.pk,
                by=request.user,
                attachments=form.attachments(),
                notes=form.notes,
                **({} if assigned else {"blueprint": form.blueprint()}),
            )
            if action == "request":
                export = create_export(draft, by=request.user)
                messages.success(request, f"Version {export.version} is requested; its ladder has started.")
                return redirect("export", pk=export.pk)
            shown = _shown(draft, action)
        except Refusal as refusal:
            status = form.refuse(refusal)
    page = _evidence(execution, form)
    context = {
        "execution": execution,
        "form": form,
        "kinds": EvidenceType.choices,
        "page": page,
        "items": _items(page, form),
        "roles": _roles(),
        "people": _people(execution),
        "newest": _newest(execution).first(),
        "before": before,
        "rejection": rejection_of(before) if before else None,
        "assigned": _assigned(assigned, execution, request.user) if assigned else None,
        "approvers": None if assigned else _holders({DEFAULT_ROLE}, execution, request.user).get(DEFAULT_ROLE, []),
        **shown,
    }
    return render(request, "narratives/compose.html", context, status=status)


def _reworked(request, execution):
    """The export whose next version this is, named by `from`, or None."""
    named = request.POST.get("from") or request.GET.get("from")
    if not named:
        return None
    exports = NarrativeExport.objects.select_related("ladder").defer("content")
    return export_or_404(request.user, named, execution_id=execution.pk, queryset=exports)


def _check_ladder_shown(request, assigned):
    """What the page showed as the ladder is what applies now; `snapshot` is posted back for that."""
    if request.POST.get("snapshot", "") != (str(assigned.pk) if assigned else ""):
        raise TransitionDenied(
            "The ladder that applies here changed since you opened this page. "
            "It is shown now; request again if it fits.",
            code="ladder_changed",
        )


def _assigned(snapshot, execution, requester):
    """The assigned ladder for the page: each stage in words, and who besides the requester could sign it now."""
    blueprint = blueprint_of(snapshot)
    holders = _holders({stage.required_role for stage in blueprint.stages}, execution, requester)
    names, stages = names_in([stage.members() for stage in blueprint.stages]), []
    warnings = _starving(blueprint, execution, requester)
    for number, stage in enumerate(blueprint.stages):
        people = holders.get(stage.required_role, [])
        if stage.assignee_id:
            people = [user for user in people if str(user.pk) == stage.assignee_id]
        parts = stage_parts(stage.members(), names=names)
        stages.append({"parts": parts, "people": people[:4], "starving": warnings.get(number)})
    return {
        "snapshot": snapshot,
        "name": blueprint.name,
        "key": blueprint.template_key,
        "stages": stages,
        "latest_end": _latest_end(blueprint, execution),
    }


def _starving(blueprint, execution, requester):
    """`{stage number from 0: sentence}` for the stages nobody who is there could sign."""
    named = {stage.assignee_id for stage in blueprint.stages} - {None}
    people = {str(user.pk): user for user in User.objects.filter(pk__in=named)}
    seats = [
        Seat(
            number,
            stage.required_role,
            assignee=people.get(stage.assignee_id),
            excludes_uploaders=stage_rules(stage.metadata).exclude_uploaders,
        )
        for number, stage in enumerate(blueprint.stages)
    ]
    barred = {requester.pk} if settings.SEPARATION_OF_DUTIES else set()
    return too_few(seats, team_id=execution.team_id, barred=barred, now=timezone.now())


def _latest_end(blueprint, execution):
    """When the last stage would be due if it started now and each took all its time; None where one has no limit."""
    hours = [stage.sla_hours for stage in blueprint.stages]
    if not all(hours):
        return None
    calendar, end = calendar_of(execution.team_id), timezone.now()
    for each in hours:
        end = deadline(end, each, calendar).due_at
    return end


def _holders(roles, execution, requester):
    """Active people by role, in the run's team or everywhere, without the requester."""
    grants = RoleGrant.objects.in_force(timezone.now()).filter(role__in=roles, user__is_active=True)
    grants = grants.filter(Q(team__isnull=True) | Q(team=execution.team_id)).exclude(user=requester)
    people = {}
    for grant in grants.select_related("user").order_by("user__full_name", "user_id"):
        found = people.setdefault(grant.role, [])
        if grant.user not in found:
            found.append(grant.user)
    return people


def _newest(execution):
    return NarrativeExport.objects.filter(execution=execution).order_by("-version").defer("content")


def _evidence(execution, form):
    try:
        return discover(execution, kinds=form.kinds, q=form.q, cursor=form.cursor, limit=20)
    except Refusal as refusal:  # a cursor that was tampered with
        form.errors.append({"anchor": "", "detail": refusal.sentence})
        return discover(execution, kinds=form.kinds, q=form.q, cursor=None, limit=20)


def _items(page, form):
    """What was found and is not chosen yet, with one line that describes it."""
    found = []
    for item in page.items:
        value = f"{item['type']}:{item['id']}"
        if value not in form.picked:
            words = {"value": value, "label": item["label"], "kind": EvidenceType(item["type"]).label}
            found.append({**words, "words": described(item)})
    return found


def described(item):
    """`96 readings · min 24.1 max 31.8 avg 27.6`, from what evidence discovery answers."""
    snapshot, parts = item["snapshot"], []
    if "file_size" in snapshot:
        parts.append(file_size(snapshot["file_size"]))
    if "revision" in snapshot:
        parts.append(f"revision {snapshot['revision']}")
    if "sequence" in snapshot:
        parts.append(f"#{snapshot['sequence']} {snapshot['event_type']}")
    if snapshot.get("reading_count"):
        parts.append(f"{snapshot['reading_count']} readings")
    summary = snapshot.get("readings_summary") or {}
    told = " ".join(f"{name} {summary[name]}" for name in ("min", "max", "avg") if summary.get(name) is not None)
    metrics = (snapshot.get("metric_rollup") or {}).get("keys") or []
    if told:
        parts.append(told)
    if metrics:
        parts.append(f"{len(metrics)} metrics: {', '.join(map(str, metrics[:4]))}")
    if isinstance(snapshot.get("actions"), list):
        parts.append(f"{len(snapshot['actions'])} actions")
    parts.append(str(item["context"].get("by", "")))
    return one_line(" · ".join(part for part in parts if part), 240)


def _roles():
    """Roles that somebody holds now, to choose from."""
    return RoleGrant.objects.in_force(timezone.now()).values_list("role", flat=True).distinct().order_by("role")[:100]


def _people(execution):
    """Who holds a signing role in the run's team or everywhere."""
    grants = RoleGrant.objects.in_force(timezone.now()).filter(Q(team__isnull=True) | Q(team=execution.team_id))
    return User.objects.active().filter(pk__in=grants.values("user_id")).order_by("full_name")[:200]


def _shown(draft, action):
    if action == "preview":
        *_, last = blocks(draft.content)
        preview = narrative_page(draft.content, size=PREVIEWED)
        return {"preview": preview, "evidence_markdown": last.markdown, "draft": draft}
    newest = NarrativeExport.objects.filter(execution=draft.execution).order_by("-version").first()
    if newest is None:
        return {"changes": [], "draft": draft}
    lines = narrative_diff(newest.content, draft.content, old_name=f"version {newest.version}", new_name="this draft")
    return {"changes": lines[2 : DIFF_LINES + 2], "more_changes": max(0, len(lines) - DIFF_LINES - 2), "draft": draft}
