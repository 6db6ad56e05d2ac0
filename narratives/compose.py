"""The compose page: ladder, evidence, notes, preview; one press requests the export."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from evidence.catalog import discover
from evidence.enums import EvidenceType
from ledger.errors import Refusal
from narratives.differences import narrative_diff
from narratives.forms import ComposeForm
from narratives.models import NarrativeExport
from narratives.queries import execution_or_404
from narratives.reading import narrative_page
from narratives.transitions import create_export, draft_export

PREVIEWED = 20
DIFF_LINES = 400


@login_required
@require_http_methods(["GET", "POST"])
def export_compose(request, execution_id):
    """Every button of the page submits the one form; only `request` writes."""
    execution = execution_or_404(request.user, execution_id)
    form, action, status, shown = ComposeForm(request.POST or None), request.POST.get("do", ""), 200, {}
    form.press(action)
    if request.method == "POST" and action in ("preview", "changes", "request"):
        try:
            draft = draft_export(
                execution.pk,
                by=request.user,
                attachments=form.attachments(),
                notes=form.notes,
                blueprint=form.blueprint(),
            )
            if action == "request":
                export = create_export(draft, by=request.user)
                messages.success(request, f"Version {export.version} is requested; its ladder has started.")
                return redirect("export", pk=export.pk)
            shown = _shown(draft, action)
        except Refusal as refusal:
            status = form.refuse(refusal)
    context = {
        "execution": execution,
        "form": form,
        "kinds": EvidenceType.choices,
        "page": _evidence(execution, form),
        "newest": _newest(execution).first(),
        **shown,
    }
    return render(request, "narratives/compose.html", context, status=status)


def _newest(execution):
    return NarrativeExport.objects.filter(execution=execution).order_by("-version").defer("content")


def _evidence(execution, form):
    try:
        return discover(execution, kinds=form.kinds, q=form.q, cursor=form.cursor, limit=20)
    except Refusal as refusal:  # a cursor that was tampered with
        form.errors.append({"anchor": "", "detail": refusal.sentence})
        return discover(execution, kinds=form.kinds, q=form.q, cursor=None, limit=20)


def _shown(draft, action):
    if action == "preview":
        return {"preview": narrative_page(draft.content, size=PREVIEWED), "draft": draft}
    newest = NarrativeExport.objects.filter(execution=draft.execution).order_by("-version").first()
    if newest is None:
        return {"changes": [], "draft": draft}
    lines = narrative_diff(newest.content, draft.content, old_name=f"version {newest.version}", new_name="this draft")
    return {"changes": lines[2 : DIFF_LINES + 2], "more_changes": max(0, len(lines) - DIFF_LINES - 2), "draft": draft}
