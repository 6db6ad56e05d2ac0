"""Working calendars: read from their rows, and checked before they are written (`transitions_calendar`)."""

import logging
import re
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import holidays
from holidays.registry import COUNTRIES

from accounts.models import Team
from accounts.validation import one_clean_line
from approvals.models import WorkingCalendar
from approvals.sla import Calendar
from governance.policies import can_manage_ladders
from ledger.errors import Invalid
from portal.text import WEEKDAYS

logger = logging.getLogger(__name__)

DAYS = tuple(name.lower() for name in WEEKDAYS)
LEAST_WEEKLY_MINUTES = 5 * 60  # a year of such hours is due in some 34 years, and found in a fraction of a second
MOST_WINDOWS = 12
MOST_DAYS_OFF = 2000
NAME_LENGTH = 100
FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)
LATEST_START = date(2099, 12, 31)  # of a stage one tries: hours that few are due decades later
TOO_FAR = f"Choose a day from {FIRST} to {LATEST_START}."
CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)\Z", re.ASCII)
HOURS_WORDS = "Write hours as 09:00-12:00, 13:00-17:30; leave the day empty when nobody works."


def calendar_of(team_id):
    """The working calendar that counts for a team's stages now, or None for hours of the clock."""
    row = WorkingCalendar.objects.filter(team_id=team_id, is_active=True).first() if team_id else None
    if row is None:
        return None
    try:
        return calendar_from(row)
    except Invalid as refusal:
        # No stage waits for a calendar to be repaired: hours of the clock are the shorter limit.
        logger.error("The working calendar of team %s does not count: %s", team_id, refusal.sentence)  # noqa: TRY400
        return None


def calendar_from(row):
    """A row's Calendar. Raises Invalid for one that no longer fits, for example after an update of the libraries."""
    return build(clean_calendar(**{name: getattr(row, name) for name in MEMBERS}))


def teams_seen(user):
    """The teams whose working calendar a person may look at: their own; who manages ladders looks at all."""
    return Team.objects.all() if can_manage_ladders(user) else Team.objects.visible_to(user)


MEMBERS = ("time_zone", "hours", "country", "subdivision", "days_off")


def build(members):
    """The Calendar of members that `clean_calendar` answered."""
    return Calendar(
        time_zone=members["time_zone"],
        hours=tuple(
            tuple((minutes_of(start), minutes_of(end)) for start, end in members["hours"][day]) for day in DAYS
        ),
        days_off={date.fromisoformat(each["date"]): each["name"] for each in members["days_off"]},
        country=members["country"],
        subdivision=members["subdivision"],
    )


def clean_calendar(*, time_zone, hours, country="", subdivision="", days_off=()):
    """The five members as they are stored. Raises Invalid that names every field that does not fit."""
    errors, cleaned = [], {}
    checks = {
        "time_zone": lambda: _time_zone(time_zone),
        "hours": lambda: _hours(hours),
        "country": lambda: _country(country),
        "subdivision": lambda: _subdivision(country, subdivision),
        "days_off": lambda: _days_off(days_off),
    }
    for name, check in checks.items():
        try:
            cleaned[name] = check()
        except Invalid as refusal:
            errors += refusal.errors
    if errors:
        raise Invalid(errors[0]["detail"], errors=errors)
    return cleaned


# --- Choices ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def time_zones():
    """IANA names of places, and UTC."""
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))]


@lru_cache(maxsize=1)
def countries():
    """Code → English name of the countries whose public holidays are known."""
    known = holidays.list_supported_countries(include_aliases=False)
    names = {entry[1]: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", entry[0]) for entry in COUNTRIES.values()}
    return dict(sorted(((code, names.get(code, code)) for code in known), key=lambda pair: pair[1]))


@lru_cache(maxsize=50)
def subdivisions(country):
    """Code → name of a country's parts that have holidays of their own."""
    if country not in countries():
        return {}
    found = holidays.country_holidays(country).get_subdivision_aliases()
    return {code: f"{code}, {names[0]}" if names else code for code, names in found.items()}


# --- One member each --------------------------------------------------------------------------------------------------


def _time_zone(name):
    try:
        ZoneInfo(name)
    except (KeyError, OSError, TypeError, ValueError):
        raise Invalid.field("time_zone", "Choose a time zone, for example Europe/Berlin.", "unknown") from None
    return name


def _hours(hours):
    if not isinstance(hours, dict) or set(hours) - set(DAYS):
        raise Invalid.field("hours", f"Hours are given for {', '.join(DAYS)}.")
    errors, cleaned = [], {}
    for day in DAYS:
        fault = _window_fault(hours.get(day, []))
        if fault:
            errors.append({"field": f"hours.{day}", "code": "invalid", "detail": fault})
        else:
            cleaned[day] = [list(window) for window in hours.get(day, [])]
    if errors:
        raise Invalid(errors[0]["detail"], errors=errors)
    if sum(minutes_of(end) - minutes_of(start) for windows in cleaned.values() for start, end in windows) < (
        LEAST_WEEKLY_MINUTES
    ):
        raise Invalid.field("hours", "Give the working hours of the week: five hours at least.", "too_few")
    return cleaned


def _window_fault(windows):
    """Why a day's windows do not fit, or None."""
    if not isinstance(windows, list) or len(windows) > MOST_WINDOWS:
        return HOURS_WORDS
    reached = 0
    for window in windows:
        if not isinstance(window, list | tuple) or len(window) != 2 or not all(map(_is_clock, window)):
            return HOURS_WORDS
        start, end = map(minutes_of, window)
        if end <= start:
            return "Hours end after they start. Split a night at midnight: 22:00-24:00, then 00:00-06:00 the next day."
        if start < reached:
            return "Give the hours of a day in order and without overlap."
        reached = end
    return None


def _is_clock(text):
    return isinstance(text, str) and bool(CLOCK.match(text)) and minutes_of(text) <= 24 * 60


def minutes_of(text):
    """Minutes after midnight of `HH:MM`."""
    return int(text[:2]) * 60 + int(text[3:])


def _country(code):
    if code and (not isinstance(code, str) or code not in countries()):
        raise Invalid.field("country", "The public holidays of this country are not known. Leave it empty.", "unknown")
    return code or ""


def _subdivision(country, code):
    if code and (not isinstance(country, str) or code not in subdivisions(country)):
        raise Invalid.field("subdivision", "This country has no such part with holidays of its own.", "unknown")
    return code or ""


def _days_off(rows):
    """Sorted, one row for each date; of two the later in the list counts."""
    if not isinstance(rows, list | tuple):
        raise Invalid.field("days_off", "Days off are a list of dates with names.")
    found = {}
    for row in rows:
        if not isinstance(row, dict) or set(row) - {"date", "name"}:
            raise Invalid.field("days_off", "A day off has a date and a name.")
        day = _date(row.get("date"))
        found[day] = one_clean_line(row.get("name") or "", "days_off", NAME_LENGTH, required=False)
    if len(found) > MOST_DAYS_OFF:
        raise Invalid.field("days_off", f"There are {len(found):,} days off; {MOST_DAYS_OFF:,} are possible.", "many")
    return [{"date": str(day), "name": name} for day, name in sorted(found.items())]


def _date(text):
    try:
        day = date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise Invalid.field("days_off", f"“{str(text)[:20]}” is no date. Write dates as 2026-12-24.")
    if not FIRST <= day <= LAST:
        raise Invalid.field("days_off", f"{day} is too far away. Days off lie from {FIRST} to {LAST}.")
    return day


# --- As people type them ----------------------------------------------------------------------------------------------


def hours_from(text):
    """Windows from `09:00-12:00, 13:00-17:30`. Raises Invalid."""
    windows = [re.split(r"\s*[-–]\s*", part.strip()) for part in text.split(",") if part.strip()]
    windows = [[_clock(end) for end in window] for window in windows]
    fault = _window_fault(windows)
    if fault:
        raise Invalid.field("hours", fault)
    return windows


def hours_text(windows):
    return ", ".join(f"{start}-{end}" for start, end in windows)


def days_off_from(text):
    """Rows from lines such as `2026-12-24 Company closed`. Raises Invalid that names the line."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        day, _, name = line.strip().partition(" ")
        try:
            rows += _days_off([{"date": day, "name": name.strip()}])
        except Invalid as refusal:
            raise Invalid.field("days_off", f"Line {number}: {refusal.sentence}") from None
    return _days_off(rows)


def days_off_text(rows):
    return "\n".join(f"{row['date']} {row['name']}".rstrip() for row in rows)


def _clock(text):
    """`9:00` and `9` as `09:00`."""
    hour, _, minute = text.strip().partition(":")
    return f"{hour.zfill(2)}:{minute or '00'}" if hour else text
