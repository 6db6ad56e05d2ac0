"""Every write to a team's working calendar, with its line in the accounts' audit trail.

Deadlines that are set keep their time: a change counts for stages that start, or start anew, after it.
"""

from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.models import Team, User
from approvals.calendars import MEMBERS, clean_calendar
from approvals.models import WorkingCalendar
from governance.policies import can_manage_ladders
from ledger.errors import NotAllowed, TransitionDenied

NEW = object()


def set_calendar(
    team_id,
    *,
    by,
    time_zone,
    hours,
    country="",
    subdivision="",
    days_off=(),
    is_active=True,
    expected_updated_at=None,
):
    """Give a team its working calendar, or change it; answers the WorkingCalendar. The same again writes nothing.

    `expected_updated_at` is what the editor saw: NEW where there was none, None to overwrite whatever is there.
    Raises Team.DoesNotExist, NotAllowed, Invalid that names each field, TransitionDenied `stale`.
    """
    check_can_manage_calendars(by)
    members = clean_calendar(
        time_zone=time_zone, hours=hours, country=country, subdivision=subdivision, days_off=days_off
    )
    with transaction.atomic():
        team, row = _locked(team_id, by)
        _check_not_changed_since(row, team, expected_updated_at)
        return _write(row or WorkingCalendar(team=team), members | {"is_active": bool(is_active)}, by=by)


def add_days_off(team_id, *, by, days_off):
    """Put further days off, `[{"date", "name"}]`, into a team's list; of two on one date the new one counts.

    Raises Team.DoesNotExist, WorkingCalendar.DoesNotExist, NotAllowed, Invalid.
    """
    with _present(team_id, by) as row:
        members = {name: getattr(row, name) for name in MEMBERS}
        members["days_off"] = [*members["days_off"], *days_off]
        return _write(row, clean_calendar(**members), by=by)


def switch_off_calendar(team_id, *, by):
    """Hours of the clock count for the team from now on; the calendar stays, to be switched on again.

    Raises Team.DoesNotExist, WorkingCalendar.DoesNotExist, NotAllowed.
    """
    with _present(team_id, by) as row:
        return _write(row, {"is_active": False}, by=by)


@contextmanager
def _present(team_id, by):
    """The row of a team that has one, for a change."""
    check_can_manage_calendars(by)
    with transaction.atomic():
        row = _locked(team_id, by)[1]
        if row is None:
            raise WorkingCalendar.DoesNotExist
        yield row


def _locked(team_id, by):
    """The team and its calendar, or None. The team is locked: two first ones at once would otherwise both be made."""
    team = Team.objects.select_for_update(no_key=True).get(pk=team_id)
    check_can_manage_calendars(User.objects.get(pk=by.pk))
    return team, WorkingCalendar.objects.filter(team=team).first()


def _write(row, members, *, by):
    changes = _changes(None if row._state.adding else row, members)
    if not row._state.adding and not changes:
        return row
    for name, value in members.items():
        setattr(row, name, value)
    row.updated_at, row.updated_by = timezone.now(), by
    row.save()
    record_account_event(AccountAction.CALENDAR_CHANGED, by=by, team_id=str(row.team_id), changes=changes)
    return row


def check_can_manage_calendars(user):
    """Administrators and compliance administrators."""
    if not can_manage_ladders(user):
        raise NotAllowed("Working calendars are managed by compliance administrators.")


def _check_not_changed_since(row, team, expected):
    if expected is None or expected == (NEW if row is None else row.updated_at):
        return
    if expected is NEW:
        raise TransitionDenied(f"{team} has a working calendar already. Change that one.", code="exists")
    raise TransitionDenied(
        f"Somebody changed the working calendar of {team} while you were editing it, so nothing was saved. "
        "What you typed is still here; open the calendar in a second tab and carry it over.",
        code="stale",
    )


def _changes(row, members):
    """Member → [before, after]; of the days off what was added and what was removed."""
    changes = {}
    for name in members:
        before, after = getattr(row, name, None), members[name]
        if name == "days_off":
            old, new = ({day["date"]: day["name"] for day in days} for days in (before or [], after))
            if old != new:
                changes[name] = {"added": _days(new.items() - old.items()), "removed": _days(old.items() - new.items())}
        elif before != after:
            changes[name] = [before, after]
    return changes


def _days(pairs):
    return [{"date": day, "name": name} for day, name in sorted(pairs)]
