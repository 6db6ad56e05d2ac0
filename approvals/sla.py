"""Deadlines: hours of the clock, or of a team's working calendar. Pure, and passed the clock.

Working time is exact to the microsecond and counted in UTC, so it is right on days of 23 and of 25 hours. A window
runs from the first time the clock shows its start to the first time it shows its end; what the clock skips is no time.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import holidays

from portal.text import MONTHS, WEEKDAYS

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PARTS_SHOWN = 5
DAYS_OFF_SHOWN = 3


@dataclass(frozen=True)
class Deadline:
    """`words` tell the arithmetic; "" where hours of the clock count."""

    due_at: datetime
    words: str = ""


@dataclass(frozen=True)
class Calendar:
    """When a team works.

    `hours` has a tuple for each day of the week, Monday first, of `(start, end)` in minutes after midnight, in order
    and apart; `days_off` maps a date to its name. Public holidays of `country` are days off too.
    """

    time_zone: str
    hours: tuple
    days_off: dict = field(default_factory=dict, hash=False)
    country: str = ""
    subdivision: str = ""

    @property
    def zone(self):
        return ZoneInfo(self.time_zone)

    def day_off(self, day):
        """The name of a day off, or None."""
        if day in self.days_off:
            return self.days_off[day]
        return public_holidays(self.country, self.subdivision, day.year).get(day) if self.country else None

    def windows(self, day):
        """The working time of a day as `(begin, end)` in UTC, in order."""
        ours = self.hours[day.weekday()]
        if not ours or self.day_off(day) is not None:
            return []
        zone = self.zone
        found = [(_moment(day, start, zone), _moment(day, end, zone)) for start, end in ours]
        return [(begin, end) for begin, end in found if begin < end]


def deadline(started_at, hours, calendar=None):
    """So many hours after `started_at`, which is aware, as a Deadline in UTC."""
    if calendar is None:
        return Deadline(started_at + hours * HOUR)
    walk = _Walk(calendar, started_at, hours * HOUR)
    return Deadline(walk.due_at, walk.words())


def later(moment, hours, calendar=None):
    """The moment when so many hours have passed since."""
    if calendar is None or not hours:
        return moment + hours * HOUR
    return _Walk(calendar, moment, hours * HOUR).due_at


def reminder(due_at, hours, *, after, calendar=None):
    """When so many hours are left until `due_at`; None when that is not later than `after`."""
    moment = due_at - hours * HOUR if calendar is None else _back(calendar, due_at, hours * HOUR, after)
    return moment if moment is not None and moment > after else None


@lru_cache(maxsize=2000)
def public_holidays(country, subdivision, year):
    """Date → name, of one year."""
    # Named, or the names would follow the language of each host's shell.
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, language="en_US")
    return {day: name for day, name in found.items() if day.year == year}


class _Walk:
    """Working time counted forward: `due_at`, and what each day gave."""

    def __init__(self, calendar, started_at, wanted):
        self.calendar, self.started_at, self.wanted = calendar, started_at.astimezone(UTC), wanted
        self.given, self.passed_over, self.due_at = {}, {}, None
        # A day earlier: where clocks go back at midnight, one date comes twice.
        self.first, left = self.started_at.astimezone(calendar.zone).date(), wanted
        for number in count(-1):
            left = self._work_on(self.first + number * DAY, left)
            if not left:
                return

    def _work_on(self, day, left):
        """What is left after this day."""
        for begin, end in self.calendar.windows(day):
            here = max(begin, self.started_at)
            if here < end:
                part = min(end - here, left)
                self.given[day] = self.given.get(day, timedelta()) + part
                self.due_at, left = here + part, left - part
                if not left:
                    return left
        if day >= self.first and self.calendar.hours[day.weekday()]:
            self._note_day_off(day)
        return left

    def _note_day_off(self, day):
        name = self.calendar.day_off(day)
        if name is not None:
            self.passed_over[day] = name

    def words(self):
        zone = self.calendar.zone
        start, due = self.started_at.astimezone(zone), self.due_at.astimezone(zone)
        hours = self.wanted // HOUR
        unit = "working hour" if hours == 1 else "working hours"
        begins = f"{hours:,} {unit} from {moment_words(start)} {self.calendar.time_zone}"
        return f"{begins}: {_listed(self._parts())}.{self._not_counted()} Due {moment_words(due)}."

    def _parts(self):
        """What each day gave in words; whole minutes that add up to the hours asked for."""
        days, sums, total = list(self.given), [0], timedelta()
        for part in self.given.values():
            total += part
            sums.append(-(-total // timedelta(minutes=1)))
        minutes = [after - before for before, after in pairwise(sums)]
        rows = [(day, spent) for day, spent in zip(days, minutes, strict=True) if spent]
        if len(rows) <= PARTS_SHOWN:
            return [f"{_spent(spent)} on {day_words(day)}" for day, spent in rows]
        between = rows[2:-1]
        told = [f"{_spent(spent)} on {day_words(day)}" for day, spent in (*rows[:2], rows[-1])]
        spent = _spent(sum(spent for _, spent in between))
        return [*told[:2], f"{spent} on the {len(between):,} working days after that", told[2]]

    def _not_counted(self):
        if not self.passed_over:
            return ""
        named = list(self.passed_over.items())
        told = [f"{day_words(day)} ({name})" if name else day_words(day) for day, name in named[:DAYS_OFF_SHOWN]]
        more = len(named) - len(told)
        if more:
            told.append(f"{more:,} more {'day' if more == 1 else 'days'} off")
        return f" Not counted: {_listed(told)}."


def _back(calendar, due_at, wanted, after):
    """Working time counted backward from `due_at`; None once `after` is passed."""
    due_at = due_at.astimezone(UTC)
    last, left = due_at.astimezone(calendar.zone).date(), wanted
    for number in count(-1):
        for begin, end in reversed(calendar.windows(last - number * DAY)):
            here = min(end, due_at)
            if begin >= here:
                continue
            if here - begin >= left:
                return here - left
            left -= here - begin
            if begin <= after:
                return None
    return None


def _moment(day, minutes, zone):
    """The instant at which the clock of `zone` first shows so many minutes after midnight, or jumps past that."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # The clock never shows it. Its jump lies between the two readings that the zone's offsets give.
    early = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    late = int(moment.timestamp())
    before = _offset(early, zone)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if _offset(middle, zone) == before else (early, middle)
    return datetime.fromtimestamp(late, UTC)


def _offset(seconds, zone):
    return datetime.fromtimestamp(seconds, zone).utcoffset()


# --- Words ------------------------------------------------------------------------------------------------------------


def day_words(day: date):
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def moment_words(moment):
    return f"{day_words(moment)} {moment.year}, {moment:%H:%M}{_which(moment)}"


def _which(moment):
    """` (UTC+2)` for a time that clocks show twice when they go back; else ""."""
    first, second = (moment.replace(fold=fold).utcoffset() for fold in (0, 1))
    if first == second:
        return ""
    hours, minutes = divmod(int(moment.utcoffset().total_seconds()) // 60, 60)
    return f" (UTC{hours:+}{f':{minutes:02}' if minutes else ''})"


def _spent(minutes):
    hours, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours:,} h" if hours else "", f"{rest} min" if rest else "") if part)


def _listed(parts):
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
