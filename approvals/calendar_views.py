"""Pages of working calendars: when a team works, and when a stage would be due. Who may see a team may look."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.scoping import not_there, uuid_or_404
from approvals import calendar_words
from approvals.calendar_forms import ExampleForm, TeamCalendarForm
from approvals.calendars import calendar_from, countries, subdivisions, teams_seen
from approvals.enums import StageStatus
from approvals.models import ApprovalStage, WorkingCalendar
from approvals.notices import subject_url
from approvals.transitions_calendar import check_can_manage_calendars
from experiments.models import Execution
from governance.policies import can_manage_ladders
from ledger.errors import Invalid
from portal.paging import page_of

STAGES_SHOWN = 20


@login_required
@require_safe
def calendar_list(request):
    """The teams one sees, each with its hours."""
    teams = teams_seen(request.user).select_related("working_calendar")
    page = page_of(teams, request, order="name")
    rows = [_row(team) for team in page.items]
    context = {"page": page, "rows": rows, "manages": can_manage_ladders(request.user)}
    return render(request, "approvals/calendar_list.html", context)


def _row(team):
    calendar = getattr(team, "working_calendar", None)
    return {"team": team, "calendar": calendar, "weekly": calendar and calendar_words.weekly(calendar.hours)}


@login_required
@require_safe
def calendar(request, team_id):
    """One team's calendar in words, and a stage to try it with (`?hours=`, `?starts=`)."""
    team, now = _team(request, team_id), timezone.now()
    row = _calendar_of(team)
    counts, fault = _counting(row)
    form = ExampleForm(request.GET if "hours" in request.GET else _usual(counts, now))
    example = None
    if form.is_valid():
        example = calendar_words.example(counts, form.cleaned_data["hours"], form.cleaned_data["starts"])
    context = {
        "team": team,
        "calendar": row,
        "counts": counts,
        "fault": fault,
        "form": form,
        "example": example,
        "manages": can_manage_ladders(request.user),
        "page": _open_stages(request, team),
        "now": now,
        **(_words(row, counts, now) if row else {}),
    }
    return render(request, "approvals/calendar.html", context, status=200 if example else 400)


def _open_stages(request, team):
    """What is due in this team, of the runs the person sees; the nearest first, each with its page."""
    stages = ApprovalStage.objects.filter(
        status=StageStatus.IN_PROGRESS,
        due_at__isnull=False,
        ladder__execution__protocol__team=team,
        ladder__execution__in=Execution.objects.visible_to(request.user),
    )
    page = page_of(stages.select_related("ladder"), request, order="due_at", limit=STAGES_SHOWN)
    for stage in page.items:
        stage.url, stage.counted = subject_url(stage.ladder), calendar_words.counted(stage)
    return page


def _calendar_of(team):
    return WorkingCalendar.objects.select_related("updated_by").filter(team=team).first()


def _counting(row):
    """`(the Calendar that counts, or None, why a row that should count does not)`."""
    if row is None or not row.is_active:
        return None, ""
    try:
        return calendar_from(row), ""
    except Invalid as refusal:
        return None, refusal.sentence


def _usual(counts, now):
    return {
        "hours": calendar_words.EXAMPLE_HOURS,
        "starts": f"{calendar_words.next_friday(now, counts):%Y-%m-%dT%H:%M}",
    }


def _words(row, counts, now):
    days_off = calendar_words.working_days_off(counts, now.astimezone(counts.zone).date()) if counts else []
    return {
        "week": calendar_words.week(row.hours),
        "weekly": calendar_words.weekly(row.hours),
        "zone": calendar_words.zone_words(counts.time_zone, now) if counts else "",
        "country": countries().get(row.country, row.country),
        "subdivision": subdivisions(row.country).get(row.subdivision, row.subdivision),
        "days_off": days_off,
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def calendar_change(request, team_id):
    """Change a team's calendar, or make it; Preview shows a due date and saves nothing."""
    team = _team(request, team_id)
    check_can_manage_calendars(request.user)
    row = _calendar_of(team) or WorkingCalendar(team=team)
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    form = TeamCalendarForm(*given, instance=row, by=request.user)
    if request.method == "POST" and form.is_valid():
        messages.success(request, f"Saved. Stages of {team} that start from now on count these hours.")
        return redirect("calendar", team.pk)
    status = 400 if form.errors and not form.previewing else 200
    return render(request, "approvals/calendar_change.html", {"team": team, "form": form}, status=status)


def _team(request, team_id):
    team = teams_seen(request.user).filter(pk=uuid_or_404(team_id)).first()
    if team is None:
        raise not_there()
    return team
