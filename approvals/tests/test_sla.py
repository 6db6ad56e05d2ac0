"""Working time: against the clock, against a count minute by minute, and on the days when clocks are set."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.sla import DAY, Calendar, deadline, later, public_holidays, reminder

SHIFT = ((9 * 60, 12 * 60), (13 * 60, 18 * 60))
OFFICE = (SHIFT,) * 5 + ((), ())
ALWAYS = Calendar("UTC", (((0, 1440),),) * 7)
NIGHTS = (((0, 360), (1320, 1440)),) * 7
BERLIN = Calendar("Europe/Berlin", OFFICE)
SAXONY = Calendar("Europe/Berlin", OFFICE, country="DE", subdivision="SN")
MOMENTS = st.datetimes(datetime(2005, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WHOLE_MINUTES = MOMENTS.map(lambda moment: moment.replace(second=0, microsecond=0))
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia",
    "America/Sao_Paulo", "Asia/Beirut", "America/Havana", "Africa/Casablanca", "Pacific/Kiritimati",
]  # fmt: skip


@st.composite
def calendars(draw, zones=ZONES, first=0):
    """Any hours from `first` minutes after midnight, five a week at least."""
    week = []
    for number in range(7):
        least = 2 if number == 0 else 0  # one window at least
        ends = sorted(draw(st.sets(st.integers(first // 15, 96), min_size=least, max_size=6)))
        pairs = [(start * 15, end * 15) for start, end in zip(ends[::2], ends[1::2], strict=False)]
        week.append(tuple(pairs))
    if sum(end - start for windows in week for start, end in windows) < 300:
        week[0] = ((first, first + 300),)
    days = draw(st.dictionaries(st.dates(date(2005, 1, 1), date(2060, 1, 1)), st.just("Closed"), max_size=20))
    return Calendar(draw(st.sampled_from(zones)), tuple(week), days)


def berlin(*when):
    return datetime(*when, tzinfo=ZoneInfo("Europe/Berlin"))


def works_at(calendar, moment):
    """Whether the clock on the wall shows working time: another way to the answer than `sla` takes."""
    wall = moment.astimezone(calendar.zone)
    minutes = wall.hour * 60 + wall.minute
    return calendar.day_off(wall.date()) is None and any(
        start <= minutes < end for start, end in calendar.hours[wall.weekday()]
    )


def clocks_are_set_near(calendar, moment):
    offsets = {(moment + hours * timedelta(hours=1)).astimezone(calendar.zone).utcoffset() for hours in range(-26, 27)}
    return len(offsets) > 1


# --- Properties -------------------------------------------------------------------------------------------------------


@given(MOMENTS, st.integers(1, 8760))
def test_a_calendar_that_never_rests_is_the_clock(start, hours):
    assert deadline(start, hours, ALWAYS).due_at == deadline(start, hours).due_at == start + timedelta(hours=hours)


@settings(max_examples=50)
@given(calendars(), MOMENTS, st.integers(1, 300), st.integers(1, 300))
def test_hours_add_up(calendar, start, some, more):
    first = deadline(start, some, calendar).due_at
    assert deadline(start, some + more, calendar).due_at == deadline(first, more, calendar).due_at > first


@settings(max_examples=50)
@given(calendars(), MOMENTS, st.integers(1, 300), st.timedeltas(timedelta(), timedelta(days=20)))
def test_who_starts_later_is_due_no_earlier(calendar, start, hours, gap):
    first, second = (deadline(moment, hours, calendar).due_at for moment in (start, start + gap))
    assert start + timedelta(hours=hours) <= first <= second


@settings(max_examples=50)
@given(calendars(), MOMENTS, st.integers(1, 500))
def test_nothing_is_due_outside_working_time(calendar, start, hours):
    due = deadline(start, hours, calendar).due_at
    if not clocks_are_set_near(calendar, due):
        assert works_at(calendar, due - timedelta(microseconds=1))


@settings(max_examples=50)
@given(calendars(first=4 * 60), WHOLE_MINUTES, st.integers(1, 30))
def test_the_minutes_counted_one_by_one_are_the_hours(calendar, start, hours):
    # From four in the morning: no clock of these zones is set while somebody works.
    due = deadline(start, hours, calendar).due_at
    length = int((due - start) / timedelta(minutes=1))
    if length < 60 * 24 * 40:
        assert sum(works_at(calendar, start + minute * timedelta(minutes=1)) for minute in range(length)) == hours * 60


@settings(max_examples=50)
@given(calendars(), MOMENTS, st.integers(1, 200), st.integers(1, 200))
def test_a_reminder_leaves_exactly_its_hours(calendar, start, before, hours):
    due = deadline(start, before + hours, calendar).due_at
    moment = reminder(due, hours, after=start, calendar=calendar)
    assert start < moment < due
    assert deadline(moment, hours, calendar).due_at == due
    assert reminder(due, before + hours + 1, after=start, calendar=calendar) is None


@settings(max_examples=50)
@given(calendars(), MOMENTS, st.integers(1, 400))
def test_the_words_add_up(calendar, start, hours):
    words = deadline(start, hours, calendar).words
    told = words.partition(": ")[2].partition(".")[0].replace(" and ", ", ").split(", ")
    minutes = 0
    for part in told:
        for number, unit in zip(part.split()[::2], part.split()[1::2], strict=False):
            minutes += {"h": 60, "min": 1}.get(unit, 0) * int(number.replace(",", "")) if number[0].isdigit() else 0
    assert minutes == hours * 60


# --- Examples ---------------------------------------------------------------------------------------------------------


def test_the_words_tell_the_arithmetic():
    found = deadline(berlin(2025, 11, 17, 14), 24, SAXONY)
    assert found.due_at == berlin(2025, 11, 21, 14)
    assert found.words == (
        "24 working hours from Mon 17 Nov 2025, 14:00 Europe/Berlin: 4 h on Mon 17 Nov, 8 h on Tue 18 Nov, "
        "8 h on Thu 20 Nov and 4 h on Fri 21 Nov. Not counted: Wed 19 Nov (Repentance and Prayer Day). "
        "Due Fri 21 Nov 2025, 14:00."
    )


def test_hours_of_the_clock_need_no_words():
    assert deadline(berlin(2025, 11, 17, 14), 24).words == ""


def test_long_ones_are_shortened():
    words = deadline(berlin(2025, 12, 15, 9), 120, BERLIN).words
    assert "8 h on Mon 15 Dec, 8 h on Tue 16 Dec, 96 h on the 12 working days after that and 8 h on Fri 2 Jan." in words
    days = {date(2025, 12, 17) + number * DAY: "Closed" for number in range(20)}
    words = deadline(berlin(2025, 12, 15, 9), 24, Calendar("Europe/Berlin", OFFICE, days)).words
    assert "Wed 17 Dec (Closed), Thu 18 Dec (Closed), Fri 19 Dec (Closed) and 11 more days off." in words


def test_seconds_are_kept_and_the_words_still_add_up():
    found = deadline(berlin(2025, 11, 17, 14, 7, 33), 5, BERLIN)
    assert found.due_at == berlin(2025, 11, 18, 10, 7, 33)
    assert "14:07 Europe/Berlin: 3 h 53 min on Mon 17 Nov and 1 h 7 min on Tue 18 Nov. Due Tue 18 Nov 2025, 10:07." in (
        found.words
    )


def test_a_start_on_a_day_off_says_so():
    words = deadline(berlin(2025, 12, 25, 10), 1, SAXONY).words
    assert "1 working hour from Thu 25 Dec 2025, 10:00 Europe/Berlin: 1 h on Mon 29 Dec." in words
    assert "Not counted: Thu 25 Dec (Christmas Day) and Fri 26 Dec (Second Day of Christmas)." in words


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        # The night of 29 March 2026 has 23 hours, that of 25 October 25.
        (berlin(2026, 3, 28, 22), 8, berlin(2026, 3, 29, 23)),
        (berlin(2026, 3, 28, 22), 7, berlin(2026, 3, 29, 6)),
        (berlin(2026, 10, 24, 22), 9, berlin(2026, 10, 25, 6)),
        (berlin(2026, 10, 24, 22), 10, berlin(2026, 10, 25, 23)),
        (berlin(2028, 2, 28, 22), 9, berlin(2028, 2, 29, 23)),
    ],
)
def test_nights_are_as_long_as_they_are(start, hours, due):
    assert deadline(start, hours, Calendar("Europe/Berlin", NIGHTS)).due_at == due.astimezone(UTC)


def test_a_time_that_clocks_show_twice_is_told_apart():
    words = deadline(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 1, Calendar("Europe/Berlin", NIGHTS)).words
    assert words.startswith("1 working hour from Sun 25 Oct 2026, 02:30 (UTC+2) Europe/Berlin")
    assert words.endswith("Due Sun 25 Oct 2026, 02:30 (UTC+1).")


def test_a_window_that_the_clock_skips_is_no_time():
    calendar = Calendar("Europe/Berlin", (((90, 150), (150, 210)),) * 7)  # 01:30-02:30 and 02:30-03:30
    assert [(end - begin) / timedelta(minutes=1) for begin, end in calendar.windows(date(2026, 3, 29))] == [30, 30]
    assert [(end - begin) / timedelta(minutes=1) for begin, end in calendar.windows(date(2026, 10, 25))] == [60, 120]
    skipped = Calendar("Europe/Berlin", (((120, 180),),) * 7)
    assert skipped.windows(date(2026, 3, 29)) == []


def test_a_date_that_a_country_skipped_has_no_working_time():
    samoa = Calendar("Pacific/Apia", (SHIFT,) * 7)
    assert samoa.windows(date(2011, 12, 30)) == []
    start = datetime(2011, 12, 29, 13, tzinfo=ZoneInfo("Pacific/Apia"))
    assert deadline(start, 8, samoa).due_at == datetime(2011, 12, 31, 12, tzinfo=ZoneInfo("Pacific/Apia"))


def test_a_year_of_the_fewest_hours_is_found_at_once():
    calendar = Calendar("Europe/Berlin", (((540, 840),),) + ((),) * 6, country="DE", subdivision="SN")
    began = time.process_time()
    assert deadline(berlin(2025, 11, 21), 8760, calendar).due_at.year == 2061
    assert time.process_time() - began < 3


def test_holidays_are_named_alike_on_every_host(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "de")
    public_holidays.cache_clear()
    assert public_holidays("DE", "SN", 2026)[date(2026, 1, 1)] == "New Year's Day"


def test_escalations_count_working_time_too():
    due = berlin(2025, 11, 21, 17)
    assert later(due, 2, BERLIN) == berlin(2025, 11, 24, 10)
    assert later(due, 2) == berlin(2025, 11, 21, 19)
    assert later(due, 0, BERLIN) == due
