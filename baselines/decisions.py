"""Posts of a baseline's page: review, publish, roll back. A refusal shows the page again with what was typed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from baselines import transitions
from baselines.forms import PublishForm, ReviewForm, RollBackForm
from baselines.queries import baseline_or_404
from baselines.views import baseline_context, targets_of
from ledger.errors import Refusal
from portal.problems import show_refusal

SAID = {"approve": "The baseline is approved. It can be published now.", "reject": "The baseline is rejected."}


@login_required
@require_POST
def baseline_review(request, pk):
    """Approve or reject, as the pressed button says."""
    found = baseline_or_404(request.user, pk)
    form = ReviewForm(request.POST)
    decision = request.POST.get("decision", "")

    def review(given):
        transitions.review_baseline(
            found.pk, by=request.user, decision=decision, notes=given["notes"], seen=given["seen"]
        )
        return SAID[decision]

    return _decide(request, found, "review_form", form, review)


@login_required
@require_POST
def baseline_publish(request, pk):
    """Make it the protocol's next version and its current baseline."""
    found = baseline_or_404(request.user, pk)
    form = PublishForm(request.POST)

    def publish(given):
        baseline = transitions.publish_baseline(found.pk, by=request.user, notes=given["notes"])
        return f"Published as version {baseline.version_number}. It is the current baseline of its protocol."

    return _decide(request, found, "publish_form", form, publish)


@login_required
@require_POST
def baseline_roll_back(request, pk):
    """Take it back; an earlier version may become current again."""
    found = baseline_or_404(request.user, pk)
    form = RollBackForm(request.POST, targets=targets_of(found))

    def roll_back(given):
        done = transitions.roll_back_baseline(
            found.pk, by=request.user, reason=given["reason"], target_id=given["target_version_id"]
        )
        if done.rollback_of:
            return f"Version {done.version_number} is rolled back; {done.rollback_of}, is current again."
        return f"Version {done.version_number} is rolled back" + ("; none is current now." if found.is_current else ".")

    return _decide(request, found, "roll_back_form", form, roll_back)


def _decide(request, found, name, form, verb):
    if not form.is_valid():
        return _again(request, found, {name: form}, status=400)
    try:
        said = verb(form.cleaned_data)
    except Refusal as refusal:
        return _again(request, found, {name: form}, status=show_refusal(form, refusal))
    messages.success(request, said)
    return redirect("baseline", pk=found.pk)


def _again(request, found, forms, *, status):
    """The page as it is now, freshly read, with the refused form."""
    fresh = baseline_or_404(request.user, found.pk)
    return render(request, "baselines/baseline.html", baseline_context(request, fresh, **forms), status=status)
