"""Sign next: record after record, each opened and shown, each signed on its own (`approvals.series`)."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.passwords import check_password_again
from accounts.scoping import uuid_or_404
from accounts.second_factor import is_enrolled
from approvals import series
from approvals.forms import SeriesForm
from approvals.queries import stages_to_sign
from ledger.errors import Refusal
from portal.problems import show_refusal

LISTED = 20


def waiting(user, running=None, *, now):
    """The stages the queue would show next: those `user` may sign, without what others claimed or was skipped."""
    stages = stages_to_sign(user, now=now)
    stages = stages.filter(claimed_by=None) | stages.filter(claimed_by=user)
    return stages.exclude(pk__in=running.skipped) if running else stages


@login_required
@never_cache
@require_safe
def sign_next(request):
    """The next record of the series; without one, the page that starts it; at the end, what was signed."""
    running = series.current(request)
    if running is None:
        return _start_page(request, SeriesForm(asks_code=is_enrolled(request.user)))
    stage = waiting(request.user, running, now=timezone.now()).first()
    if stage is None:
        return _finished_page(request)
    return redirect(_page_in_series(stage.ladder))


@login_required
@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
def sign_next_start(request):
    """One full authentication begins the series."""
    form = SeriesForm(request.POST, asks_code=is_enrolled(request.user))
    if not form.is_valid():
        return _start_page(request, form, status=400)
    given = form.cleaned_data
    try:
        series.check_offered()
        proof = check_password_again(request.user, given["password"], request_meta=request.META, code=given["code"])
        series.begin(request, proof)
    except Refusal as refusal:
        return _start_page(request, form, status=show_refusal(form, refusal))
    return redirect("sign_next")


@login_required
@require_POST
def sign_next_skip(request):
    """Leave this record for another time."""
    if series.current(request):
        series.skip(request, uuid_or_404(request.POST.get("stage_id")))
    return redirect("sign_next")


@login_required
@require_POST
def sign_next_end(request):
    """End the series; the next signature asks for the password again."""
    return _finished_page(request)


def series_context(request, current):
    """What the export page shows while a series runs: how far, how long, and the key that signs this record.

    There is no key where somebody else was faster; the way to the next record is still shown.
    """
    running = series.current(request)
    if running is None:
        return {}
    key = series.show(request, current.stage) if current and current.can_sign else ""
    left = waiting(request.user, running, now=timezone.now()).count()
    page = _page_in_series(current.stage.ladder) if current else ""
    return {"series": running, "series_key": key, "series_left": left, "series_page": page}


def _page_in_series(ladder):
    return reverse("export", args=[ladder.subject["id"]]) + "?series=1"


def _start_page(request, form, status=200):
    stages = waiting(request.user, now=timezone.now())
    context = {"form": form, "count": stages.count(), "stages": stages[:LISTED], "now": timezone.now()}
    return render(request, "narratives/sign_next.html", context, status=status)


def _finished_page(request):
    ended = series.end(request)
    signed = {each.action.stage_id: each for each in ended.signatures()} if ended else {}
    left = waiting(request.user, now=timezone.now()).count()
    context = {"signed": list(signed.values()), "left": left, "now": timezone.now()}
    return render(request, "narratives/sign_next_finished.html", context)
