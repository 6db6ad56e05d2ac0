"""Days off from iCalendar files: whole days, once or every year; a file that is anything else is refused."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.ics import MOST_BYTES, days_off_in
from ledger.errors import Invalid, Refusal, TooLarge

TODAY = date(2026, 11, 26)
LINES = [
    "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "DTSTART;VALUE=DATE:20261224", "DTSTART:x",
    "DTEND;VALUE=DATE:20261226", "DTEND:20261226T090000Z", "SUMMARY:Closed", "RRULE:FREQ=YEARLY", "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=YEARLY;COUNT=0", "DURATION:P3D", "DURATION:-P3D", "BEGIN:VTIMEZONE", "TZID:x", "STATUS:CANCELLED",
    "DTSTART;TZID=x:20261224T000000", "EXDATE:20261224", "SUMMARY;LANGUAGE=\x00:x", "X-\u202e:\ud83d",
]  # fmt: skip


def ics(*events):
    bodies = (f"BEGIN:VEVENT\nUID:{number}\n{event}\nEND:VEVENT\n" for number, event in enumerate(events))
    text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Lab//EN\n" + "".join(bodies) + "END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def days(*events):
    return {row["date"]: row["name"] for row in days_off_in(ics(*events), today=TODAY)}


def test_whole_days_become_days_off():
    assert days(
        "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261226\nSUMMARY:Closed\\, all of us",
        "DTSTART;VALUE=DATE:20270101\nSUMMARY:New Year",
        "DTSTART;VALUE=DATE:20270104\nDURATION:P2D",
        "DTSTART:20270301T000000Z\nDTEND:20270302T000000Z\nSUMMARY:From midnight to midnight",
        "DTSTART;VALUE=DATE:20270401\nSTATUS:CANCELLED\nSUMMARY:Not this one",
    ) == {
        "2026-12-24": "Closed, all of us",
        "2026-12-25": "Closed, all of us",
        "2027-01-01": "New Year",
        "2027-01-04": "",
        "2027-01-05": "",
        "2027-03-01": "From midnight to midnight",
    }


@pytest.mark.parametrize(
    ("rule", "years"),
    [
        ("FREQ=YEARLY", range(2024, 2037)),
        ("FREQ=YEARLY;INTERVAL=1;BYMONTH=10;BYMONTHDAY=3", range(2024, 2037)),
        ("FREQ=YEARLY;UNTIL=20261003", range(2024, 2027)),
        ("FREQ=YEARLY;COUNT=2", range(2024, 2026)),
    ],
)
def test_what_comes_every_year_is_written_out_for_ten_years(rule, years):
    found = days(f"DTSTART;VALUE=DATE:20241003\nRRULE:{rule}\nSUMMARY:Unity")
    assert list(found) == [f"{year}-10-03" for year in years]


def test_a_leap_day_comes_in_leap_years():
    assert list(days("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY")) == [
        f"{year}-02-29" for year in (2024, 2028, 2032, 2036)
    ]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ("DTSTART:20261224T090000Z\nDTEND:20261224T100000Z\nSUMMARY:Lunch", "“Lunch” is not a whole day"),
        ("DTSTART;VALUE=DATE:20241003\nRRULE:FREQ=SECONDLY\nSUMMARY:Tick", "“Tick” repeats by a rule"),
        ("DTSTART;VALUE=DATE:20241003\nRRULE:FREQ=YEARLY;BYDAY=1MO\nSUMMARY:Monday", "“Monday” repeats by a rule"),
        ("DTSTART;VALUE=DATE:20241003\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20251003", "repeats with exceptions"),
        ("DTSTART;VALUE=DATE:20241003\nRRULE:NONSENSE", "repeats by a rule"),
        ("DTSTART;VALUE=DATE:20241003\nRRULE:FREQ=YEARLY;COUNT=x", "does not fit"),
        ("DTSTART;VALUE=DATE:soon\nSUMMARY:Soon", "“Soon” has no start"),
        ("SUMMARY:Never", "“Never” has no start"),
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261224", "lasts 0 days"),
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20300101", "lasts 1104 days"),
    ],
)
def test_an_event_that_does_not_fit_is_named(event, sentence):
    with pytest.raises(Invalid, match=sentence) as refusal:
        days(event)
    assert refusal.value.errors[0]["field"] == "ics"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no whole day"),
        (b"hello", "not an iCalendar file"),
        (b"PK\x03\x04" + b"\x00" * 50, "not an iCalendar file"),
        (b"\xff\xfeB\x00", "not in UTF-8"),
        (b"BEGIN:VCALENDAR\r\n" * 4001, "more than 4,000 entries"),
        (ics(*[f"DTSTART;VALUE=DATE:{year}0101\nDURATION:P300D" for year in range(2001, 2012)]), "2,000 days off"),
    ],
)
def test_a_hostile_file_is_refused(content, sentence):
    with pytest.raises(Invalid, match=sentence):
        days_off_in(content, today=TODAY)


def test_a_large_file_is_refused_before_it_is_read():
    with pytest.raises(TooLarge, match="larger than 512 KiB"):
        days_off_in(b"x" * (MOST_BYTES + 1), today=TODAY)


def test_names_are_short_and_on_one_line():
    found = days("DTSTART;VALUE=DATE:20261224\nSUMMARY:a\\nb\u202e" + "x" * 300)
    assert found["2026-12-24"].startswith("a\\nb\\u202exx")
    assert len(found["2026-12-24"]) == 100


@settings(max_examples=150)
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_nothing_but_a_refusal_comes_out_of_any_file(lines):
    content = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"])
    with suppress(Refusal):
        days_off_in(content.encode("utf-8", "surrogatepass"), today=TODAY)
