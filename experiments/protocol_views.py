"""Pages of protocols: list, read, write."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.scoping import visible_or_404
from experiments import queries, transitions_stock
from experiments.forms import ProtocolForm, SearchForm
from experiments.models import Execution, Protocol
from experiments.policies import check_can_change_protocol, why_not_change_protocol
from ledger.errors import Refusal
from portal.paging import page_of
from portal.problems import show_refusal

RUNS_SHOWN = 10


@login_required
@require_safe
def protocol_list(request):
    form = SearchForm(request.GET)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    page = page_of(queries.protocols_matching(request.user, text), request, order="-created_at")
    context = {"form": form, "page": page, "text": text, "now": timezone.now()}
    return render(request, "experiments/protocol_list.html", context)


@login_required
@require_safe
def protocol(request, pk):
    found = visible_or_404(Protocol.objects.select_related("team", "created_by"), request.user, pk)
    runs = Execution.objects.visible_to(request.user).filter(protocol=found).select_related("run_by")
    context = {
        "protocol": found,
        "runs": runs[:RUNS_SHOWN],
        "why_not": why_not_change_protocol(request.user, found),
        "now": timezone.now(),
    }
    return render(request, "experiments/protocol.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def protocol_new(request):
    form = ProtocolForm(request.POST or None, user=request.user)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                made = transitions_stock.create_protocol(by=request.user, **form.given())
            except Refusal as refusal:
                status = show_refusal(form, refusal)
            else:
                messages.success(request, "The protocol is saved.")
                return redirect("protocol", made.pk)
    return render(request, "experiments/protocol_edit.html", {"form": form, "protocol": None}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def protocol_edit(request, pk):
    """Change a protocol; runs keep the steps they started with."""
    found = visible_or_404(Protocol.objects.select_related("team"), request.user, pk)
    check_can_change_protocol(request.user, found)
    if request.method != "POST":
        form = ProtocolForm.of(found, user=request.user)
        return render(request, "experiments/protocol_edit.html", {"form": form, "protocol": found})
    form, status = ProtocolForm(request.POST, user=request.user), 400
    if form.is_valid():
        seen = _moment_seen(form.cleaned_data["seen"])
        try:
            transitions_stock.change_protocol(found.pk, by=request.user, expected_updated_at=seen, **form.given())
        except Refusal as refusal:
            status = show_refusal(form, refusal)
        else:
            messages.success(request, "The protocol is saved.")
            return redirect("protocol", pk)
    return render(request, "experiments/protocol_edit.html", {"form": form, "protocol": found}, status=status)


def _moment_seen(text):
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise Http404("This form is not one of ours.") from None
