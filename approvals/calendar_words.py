"""A working calendar in the words of its page. Pure, and passed the clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from approvals import sla
from approvals.calendars import DAYS, minutes_of
from portal.text import moment as in_utc

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY, YEAR = timedelta(days=1), 365
EXAMPLE_HOURS, FRIDAY, AFTERNOON = 24, 4, time(16)


@dataclass(frozen=True)
class Example:
    """A stage of so many hours: when it would be due, and the arithmetic in words."""

    hours: int
    starts: datetime
    due_at: datetime
    words: str
    by_the_clock: datetime


def week(hours):
    """`(name, windows in words)` of each day, Monday first; "" where nobody works."""
    return [
        (name, ", ".join(f"{start} to {end}" for start, end in hours.get(day, [])))
        for name, day in zip(NAMES, DAYS, strict=True)
    ]


def weekly(hours):
    """Hours a week, for example `37.5`."""
    minutes = sum(minutes_of(end) - minutes_of(start) for windows in hours.values() for start, end in windows)
    return f"{minutes / 60:.2f}".rstrip("0").rstrip(".")


def zone_words(name, now):
    """`It is Thu 26 Nov, 10:12 there, one hour ahead of UTC. The clocks change next on Sun 28 Mar 2027.`"""
    zone = ZoneInfo(name)
    there = now.astimezone(zone)
    begins = f"It is {sla.moment_words(there)} there, {_ahead(there.utcoffset())}."
    change = _next_change(zone, there)
    if change is None:
        return f"{begins} The clocks do not change within the next year."
    return f"{begins} The clocks change next on {sla.day_words(change)} {change.year}."


def working_days_off(calendar, today):
    """`(date, name)` of the days within a year on which the team would work, but does not."""
    days = (today + number * DAY for number in range(YEAR))
    named = ((day, calendar.day_off(day)) for day in days if calendar.hours[day.weekday()])
    return [(day, name) for day, name in named if name is not None]


def example(calendar, hours, starts):
    """`starts` is what the team's clocks show, without a zone; without a calendar they are those of UTC."""
    moment = starts.replace(tzinfo=calendar.zone if calendar else UTC).astimezone(UTC)
    found, by_the_clock = sla.deadline(moment, hours, calendar), sla.deadline(moment, hours).due_at
    return Example(hours, starts, found.due_at, found.words or _clock_words(hours, moment, by_the_clock), by_the_clock)


def counted(stage):
    """How the due date of a stage came about."""
    if stage.due_words:
        return stage.due_words
    hours = stage.sla_hours or 0
    if stage.started_at and sla.deadline(stage.started_at, hours).due_at == stage.due_at:
        return f"{hours:,} {'hour' if hours == 1 else 'hours'} of the clock from {in_utc(stage.started_at)}."
    return "Set by hand when it was delegated."


def next_friday(now, calendar):
    """The coming Friday at 16:00 on the team's clocks: the start that people ask about."""
    there = now.astimezone(calendar.zone if calendar else UTC)
    day = there.date() + ((FRIDAY - there.weekday()) % 7) * DAY
    return datetime.combine(day, AFTERNOON)


def _clock_words(hours, moment, due_at):
    unit = "hour" if hours == 1 else "hours"
    return f"{hours:,} {unit} of the clock from {sla.moment_words(moment)} UTC. Due {sla.moment_words(due_at)} UTC."


def _ahead(offset):
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "the same as UTC"
    hours, rest = divmod(abs(minutes), 60)
    parts = [f"{hours} {'hour' if hours == 1 else 'hours'}"] if hours else []
    parts += [f"{rest} minutes"] if rest else []
    return f"{' '.join(parts)} {'ahead of' if minutes > 0 else 'behind'} UTC"


def _next_change(zone, there):
    """The first day within a year on which the clocks are put forward or back, or None."""
    midnights = [datetime.combine(there.date() + number * DAY, time(), zone) for number in range(YEAR + 2)]
    for midnight, after in pairwise(midnights):
        if midnight.utcoffset() != after.utcoffset():
            return midnight.date()
    return None
