"""One's own absences: past, present, coming, and for whom one stands in."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.absence_forms import STAND_INS_SHOWN, AbsenceForm
from accounts.absences import (
    Scope,
    open_absences,
    past_absences,
    scope_teams,
    shown_absences,
    stand_in_warning,
    standing_in,
    who_may_stand_in,
)
from accounts.models import Absence
from accounts.scoping import uuid_or_404, visible_or_404
from accounts.transitions_absence import cancel_absence, set_absence
from ledger.errors import Refusal
from portal.paging import page_of
from portal.problems import show_refusal
from portal.text import one_line

PAST_SHOWN = 20


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def absences(request):
    """List one's absences and enter a new one."""
    form = AbsenceForm(request.user, request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        absence = set_absence(request.user.pk, by=request.user, **form.arguments())
    except Refusal as refusal:
        return _page(request, form, status=show_refusal(form, refusal))
    told = f" {absence.stand_in.printed_name} is told." if absence.stand_in else ""
    messages.success(request, f"Your absence is entered.{told}")
    if warning := stand_in_warning(absence):
        messages.warning(request, warning)
    return redirect("absences")


def _page(request, form, *, status=200):
    user, now = request.user, timezone.now()
    page = page_of(past_absences(user, now=now), request, order="-starts_at", limit=PAST_SHOWN)
    context = {
        "form": form,
        "now": now,
        "open": shown_absences(open_absences(user, now=now), user, now),
        "standing_in": shown_absences(standing_in(user, now=now), user, now),
        "page": page,
        "past": shown_absences(page.items, user, now),
    }
    return render(request, "accounts/absences.html", context, status=status)


@login_required
@require_POST
def absence_cancel(request, pk):
    """Cancel a coming absence, or come back early."""
    absence = visible_or_404(Absence.objects.all(), request.user, pk)
    absence = cancel_absence(absence.pk, by=request.user)
    early = absence.starts_at <= absence.cancelled_at
    messages.success(request, "Welcome back: your absence has ended." if early else "Your absence is cancelled.")
    return redirect("absences")


@login_required
@never_cache
@require_GET
def absence_stand_ins(request):
    """The choices of the stand-in field for a search, a role and a team (a fragment); who is chosen stays."""
    asked, now, user = request.GET, timezone.now(), request.user
    team = scope_teams(user).filter(pk=uuid_or_404(asked["team_id"])).first() if asked.get("team_id") else None
    scope = Scope(one_line(asked.get("role", ""), 50), team)
    people = list(who_may_stand_in(user, scope=scope, q=asked.get("q", ""), now=now)[:STAND_INS_SHOWN])
    chosen = asked.get("stand_in_id", "")
    if chosen and all(str(person.pk) != chosen for person in people):
        people += who_may_stand_in(user, scope=scope, now=now).filter(pk=uuid_or_404(chosen))
    return render(request, "accounts/_stand_ins.html", {"people": people, "chosen": chosen})
