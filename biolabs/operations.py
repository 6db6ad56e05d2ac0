"""The operators' page: the packaging queue, who works on it, what happens by the clock, what was found damaged."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.roles import is_operator
from biolabs import schedules, workers
from ledger.errors import NotAllowed
from narratives.package_queries import damaged, for_operators, packages_for, read_again, telemetry
from narratives.package_views import OPERATORS_ONLY
from portal.paging import page_of
from portal.problems import wants_fragment

FILTERS = (
    ("", "Any state"),
    ("unfinished", "Not finished"),
    ("failed", "Failed"),
    ("damaged", "Damaged"),
    ("ready", "Ready"),
    ("expired", "Expired"),
)
WORKER_STATES = {
    "busy": ("Working", "accent"),
    "idle": ("Ready for work", "good"),
    "starting": ("Starting", ""),
    "silent": ("Stalled", "warn"),
    "gone": ("No sign of life", "bad"),
}


@login_required
@never_cache
@require_safe
def operations(request):
    """What waits, what runs, what failed and why; operators only."""
    if not is_operator(request.user):
        raise NotAllowed(OPERATORS_ONLY)
    now, status = timezone.now(), request.GET.get("status", "")
    page = page_of(for_operators(status=status), request, order="-queued_at")
    context = {"page": page, "status": status, "filters": FILTERS, "now": now}
    if wants_fragment(request) and request.GET.get("cursor"):
        return render(request, "narratives/_package_rows.html", context)
    return render(request, "operations/operations.html", context | _around(request.user, now=now))


def _around(user, *, now):
    seen, unheld = workers.seen_by_operators(names=schedules.names(), now=now)
    for worker in seen:
        worker.words, worker.colour = WORKER_STATES[worker.state]
    return {
        "telemetry": telemetry(packages_for(user), now=now),
        "damaged": damaged().count(),
        "read_again": read_again(),
        "workers": seen,
        "nobody_works": not any(worker.state in ("busy", "idle", "starting") for worker in seen),
        "unheld": unheld,
        "schedules": schedules.by_the_clock(now=now),
    }
