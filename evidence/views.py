"""The notebook of a run: list, write, edit with preview, revisions and what changed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.scoping import visible_or_404
from evidence.changes import changes
from evidence.forms import EntryForm
from evidence.models import NotebookEntry
from evidence.policies import check_can_add, check_can_edit, why_not_add, why_not_edit
from evidence.transitions import create_notebook_entry, edit_notebook_entry
from experiments.models import Execution
from ledger.errors import Refusal
from portal.paging import page_of
from portal.problems import show_refusal, wants_fragment

ENTRIES_PER_PAGE = 20
REVISIONS_PER_PAGE = 20


def seen_execution(user, execution_id):
    return visible_or_404(Execution.objects.select_related("protocol", "run_by"), user, execution_id)


def seen_entry(user, pk):
    return visible_or_404(NotebookEntry.objects.select_related("execution__protocol", "execution__run_by"), user, pk)


@login_required
@require_GET
def execution_notebook(request, execution_id):
    execution = seen_execution(request.user, execution_id)
    entries = NotebookEntry.objects.filter(execution=execution).select_related("created_by").defer("content")
    context = {
        "execution": execution,
        "tab": "notebook",
        "page": page_of(entries, request, order="-created_at", limit=ENTRIES_PER_PAGE),
        "why_not_add": why_not_add(request.user, execution),
    }
    return render(request, "evidence/execution_notebook.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def notebook_new(request, execution_id):
    execution = seen_execution(request.user, execution_id)
    check_can_add(request.user, execution)
    form = EntryForm(request.POST or None)
    context = _of_run(execution) | {"form": form}
    if request.POST.get("do") == "preview":
        return _preview(request, context)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                entry = create_notebook_entry(
                    by=request.user,
                    execution=execution,
                    title=form.cleaned_data["title"],
                    content=form.cleaned_data["content"],
                )
            except Refusal as refusal:
                status = show_refusal(form, refusal)
            else:
                messages.success(request, "The entry is saved.")
                return redirect("notebook_entry", pk=entry.pk)
    return render(request, "evidence/notebook_form.html", context, status=status)


@login_required
@require_GET
def notebook_entry(request, pk):
    """One entry as it is, or with `?revision=` as it was, and what that revision changed."""
    entry = seen_entry(request.user, pk)
    revisions = entry.revisions.order_by()
    shown = _revision(revisions, request.GET.get("revision") or str(entry.revision))
    before = revisions.filter(number=shown.number - 1).first()
    context = {
        **_of_run(entry.execution),
        "entry": entry,
        "shown": shown,
        "before": before,
        "lines": changes(before.content, shown.content) if before else [],
        "page": page_of(revisions.defer("content"), request, order="-number", limit=REVISIONS_PER_PAGE),
        "why_not_edit": why_not_edit(request.user, entry),
    }
    return render(request, "evidence/notebook_entry.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def notebook_edit(request, pk):
    entry = seen_entry(request.user, pk)
    check_can_edit(request.user, entry)
    started_from = {"title": entry.title, "content": entry.content, "revision": entry.revision}
    form = EntryForm(request.POST) if request.method == "POST" else EntryForm(initial=started_from)
    context = _of_run(entry.execution) | {"entry": entry, "form": form}
    if request.POST.get("do") == "preview":
        return _preview(request, context)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                saved = edit_notebook_entry(
                    entry,
                    by=request.user,
                    title=form.cleaned_data["title"],
                    content=form.cleaned_data["content"],
                    expected_revision=_expected(request, form),
                )
            except Refusal as refusal:
                status = show_refusal(form, refusal)
                if refusal.code == "stale_revision":
                    context |= _overtaken(entry, form)
            else:
                changed = saved.revision != entry.revision
                messages.success(request, f"Revision {saved.revision} is saved." if changed else "Nothing was changed.")
                return redirect("notebook_entry", pk=entry.pk)
    return render(request, "evidence/notebook_form.html", context, status=status)


def _of_run(execution):
    layout = "evidence/_loose.html" if execution is None else "experiments/_execution_header.html"
    return {"execution": execution, "tab": "notebook", "layout": layout}


def _revision(revisions, number):
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise Http404
    shown = revisions.filter(number=int(number)).first()
    if shown is None:
        raise Http404
    return shown


def _expected(request, form):
    """The revision to write after: the one started from, or the newer one the writer has looked at since."""
    seen = request.POST.get("seen", "")
    if request.POST.get("do") == "replace" and seen.isascii() and seen.isdigit() and len(seen) <= 9:
        return int(seen)
    return form.cleaned_data["revision"]


def _overtaken(entry, form):
    entry.refresh_from_db()
    newest = entry.revisions.get(number=entry.revision)
    return {"newest": newest, "lines": changes(newest.content, form.cleaned_data["content"])}


def _preview(request, context):
    source = request.POST.get("content", "")
    if wants_fragment(request):
        return render(request, "evidence/_preview.html", {"preview": source})
    return render(request, "evidence/notebook_form.html", context | {"preview": source})
