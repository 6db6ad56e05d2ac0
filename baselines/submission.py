"""The pages that submit a run as a baseline, and a rejected baseline again."""

import json

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.views.decorators.http import require_http_methods

from accounts.idempotency import idempotent
from accounts.scoping import visible_or_404
from baselines import policies, transitions
from baselines.enums import BaselineStatus
from baselines.forms import SubmissionForm, lines_of
from baselines.input import seen_in
from baselines.models import Baseline
from baselines.picking import reviewer_picker, shown_by
from baselines.queries import baseline_or_404, current_seen
from experiments.models import Execution
from ledger.errors import Invalid, Refusal, TransitionDenied
from portal.problems import show_refusal


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def baseline_new(request, execution_id):
    """Every button of the page sends the one form; only `submit` writes."""
    runs = Execution.objects.select_related("protocol__team", "run_by")
    execution = visible_or_404(runs, request.user, execution_id)
    posted = request.POST if request.method == "POST" else None

    def submit(given):
        return _submit_once(request, execution, **_picked(request), **given)

    return _page(
        request,
        execution,
        submit,
        initial={"name": execution.title},
        submitter=request.user,
        named=[],
        context={
            "heading": "New baseline",
            "shown": shown_by(execution, posted),
            "why_not": policies.why_not_submit(request.user, execution),
            "once": get_random_string(22),
            "submit_words": "Submit for review",
            "back": reverse("execution_baselines", args=[execution.pk]),
        },
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def baseline_resubmit(request, pk):
    """The same page filled from the rejected baseline; what was attached is ticked."""
    found = baseline_or_404(request.user, pk)
    posted = request.POST if request.method == "POST" else None

    def resubmit(given):
        transitions.resubmit_baseline(
            found.pk, by=request.user, seen=seen_in(request.POST.get("seen", "")), **_picked(request), **given
        )
        return found.pk

    return _page(
        request,
        found.execution,
        resubmit,
        initial={"name": found.name, "description": found.description, "labels": lines_of(found.labels.all())},
        labels=found.labels.all(),
        submitter=found.submitted_by,
        named=list(found.reviewers.all()),
        context={
            "heading": "Submit again",
            "shown": shown_by(found.execution, posted, standing=found.evidence),
            "seen": found.event_count,
            "rejected": found if found.status == BaselineStatus.REJECTED else None,
            "why_not": policies.why_not_resubmit(request.user, found),
            "submit_words": "Submit again",
            "back": reverse("baseline", args=[found.pk]),
        },
    )


def _submit_once(request, execution, **given):
    """The id of the new baseline, or of the one that the same page made a moment ago: a button is pressed twice."""
    key = request.POST.get("once") or None
    with idempotent(user=request.user, key=key, path=request.path, body=given) as once:
        if once.answer is None:
            transitions.submit_baseline(
                execution.pk,
                by=request.user,
                written=lambda baseline: once.store(201, {"id": str(baseline.pk)}),
                **given,
            )
    return json.loads(once.answer.body)["id"]


def _picked(request):
    """The people and the evidence that are ticked."""
    fields = {"reviewer_ids": "reviewer", "export_ids": "export", "qc_event_ids": "qc"}
    return {name: request.POST.getlist(field) for name, field in fields.items()}


def _page(request, execution, verb, *, initial, submitter, named, context, labels=()):
    """The form, as typed so far, with its picker of reviewers; `do=submit` calls the verb, which answers an id."""
    form, status, reviewers = SubmissionForm(initial=initial), 200, [str(person.pk) for person in named]
    if request.method == "POST":
        reviewers = request.POST.getlist("reviewer")
        form = SubmissionForm(initial={name: request.POST.get(name, "") for name in form.fields})
        if request.POST.get("do") == "submit":
            form, status = SubmissionForm(request.POST, standing=labels), 400
            if form.is_valid():
                try:
                    made = verb(form.cleaned_data)
                except Refusal as refusal:
                    status = show_refusal(form, _on_the_page(refusal))
                else:
                    messages.success(request, "The baseline is submitted; its reviewers are told.")
                    return redirect("baseline", pk=made)
    context = {
        "execution": execution,
        "current": current_seen(Baseline.objects.visible_to(request.user), execution.protocol_id),
        "form": form,
        "picker": reviewer_picker(
            execution, submitter=submitter, given=reviewers, q=request.POST.get("person", ""), named=named
        ),
        **context,
    }
    return render(request, "baselines/submission.html", context, status=status)


def _on_the_page(refusal):
    """`labels.3.key` is shown at `labels`; a page knows no header."""
    if refusal.code == "idempotency_key_reused":
        return TransitionDenied("This page made a baseline before, with other words. Press again for another one.")
    if not isinstance(refusal, Invalid):
        return refusal
    errors = [{**error, "field": (error["field"] or "").partition(".")[0]} for error in refusal.errors]
    return Invalid(refusal.sentence, code=refusal.code, errors=errors)
