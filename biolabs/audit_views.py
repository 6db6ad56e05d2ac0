"""The audit trail page: search every chain, take it away as CSV, verify a chain."""

from datetime import UTC, datetime, time, timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from biolabs import audit
from experiments.views import payload_shown
from ledger.canonical import loads
from portal.navigation import NavItem, register
from portal.paging import page_of_several

SEALED_ANYWAY = {"v", "id", "seq", "prev", "actor", "recorded_at", "execution", "family", "baseline", "type", "action"}


def register_page():
    """Called once, when the project is ready."""
    register(NavItem("Audit trail", "audit", icon="trail", section="Operate", order=20))


class Filter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    trail = forms.ChoiceField(
        required=False,
        choices=[("", "Every trail"), *[(name, trail.label) for name, trail in audit.TRAILS.items()]],
    )
    person = forms.CharField(label="Who", required=False, max_length=200)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="Until", required=False, widget=forms.DateInput({"type": "date"}))
    about = forms.UUIDField(required=False)

    def entries(self, user):
        """The querysets of `audit.entries`; nothing where a filter makes no sense."""
        if not self.is_valid():
            return {name: rows.none() for name, rows in audit.entries(user).items()}
        given = self.cleaned_data
        return audit.entries(
            user,
            trail=given["trail"],
            words=given["q"],
            person=given["person"],
            since=_midnight(given["since"]),
            until=_midnight(given["until"], days=1),
            about=given["about"],
        )


def _midnight(day, days=0):
    """The start of a day in UTC, or of one so many days later; None for no day and past the calendar's end."""
    try:
        return day and datetime.combine(day + timedelta(days=days), time.min, tzinfo=UTC)
    except OverflowError:
        return None


@login_required
@require_safe
def audit_trail(request):
    """What happened, newest first, as far as the person may see it; the filters live in the address."""
    form = Filter(request.GET)
    page = page_of_several(form.entries(request.user), request, order="-created_at")
    told = audit.told(page.items)
    for row in page.items:
        trail = audit.TRAILS[row.source]
        row.trail, row.words = trail, told[row.pk]
        row.title, row.address = trail.about(row)
        row.subject_id = getattr(row, f"{trail.subject}_id")
        row.shown = payload_shown(_details(row))
    given = form.cleaned_data if form.is_valid() else {}
    context = {"form": form, "page": page, "now": timezone.now(), "filtered": any(given.values())}
    return render(request, "biolabs/audit.html", context, status=200 if form.is_valid() else 400)


def _details(row):
    """The entry's own part: what is not on its line anyway."""
    sealed = loads(row.body)
    return {key: value for key, value in sealed.items() if key not in SEALED_ANYWAY} if row.trail.chain else sealed


@login_required
@require_safe
def audit_csv(request):
    """What the filters let through, all of it, as CSV with the sealed texts and their digests."""
    form = Filter(request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('audit')}?{request.GET.urlencode()}")
    answer = StreamingHttpResponse(audit.as_csv(form.entries(request.user)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="audit-trail-{timezone.now():%Y-%m-%d}.csv"'
    return answer


@login_required
@require_POST
def audit_verify(request, name, pk):
    """Walk the chain of one run, ladder or baseline from its first entry, and say what was found."""
    found = audit.verify(request.user, name, pk) if name in audit.TRAILS else None
    if found is None:
        raise Http404
    count, fault = found
    if fault:
        messages.error(request, f"This chain does not fit. {fault}. Tell an administrator.")
    else:
        messages.success(request, f"Verified: {count} entries, each sealed and linked to the one before.")
    return redirect(f"{reverse('audit')}?trail={name}&about={pk}")
