"""Days off from an iCalendar file (RFC 5545): whole days, once or every year. Everything else is refused by name."""

from datetime import date, datetime, timedelta

from icalendar import Calendar as ICalendar

from approvals.calendars import FIRST, LAST, MOST_DAYS_OFF, NAME_LENGTH
from ledger.errors import Invalid, TooLarge
from portal.text import one_line

MOST_BYTES = 512 * 1024
MOST_COMPONENTS = 4000
LONGEST_DAYS = 366
YEARS_AHEAD = 10
FIELD = "ics"
# What the library raises over files that are none; some of it only when a member is looked at.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def days_off_in(content, *, today):
    """`[{"date", "name"}]` of the file's bytes; events of every year are written out for ten years from `today`.

    Raises Invalid at `ics`, TooLarge.
    """
    found = {}
    for event in _events(content):
        name = _name(event)
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        for first, length in _read(event, name, today):
            for number in range(length):
                day = first + timedelta(days=number)
                if FIRST <= day <= LAST:
                    found[day] = name
            if len(found) > MOST_DAYS_OFF:
                _refuse(f"The file has more than {MOST_DAYS_OFF:,} days off.", "many")
    if not found:
        _refuse("There is no whole day in this file.", "empty")
    return [{"date": str(day), "name": name} for day, name in sorted(found.items())]


def _events(content):
    if len(content) > MOST_BYTES:
        raise TooLarge(f"The file is larger than {MOST_BYTES // 1024} KiB. Export holidays only.")
    # Counted before parsing: the library recurses into what is nested.
    if content.upper().count(b"BEGIN") > MOST_COMPONENTS:
        _refuse(f"The file has more than {MOST_COMPONENTS:,} entries.", "many")
    try:
        calendars = ICalendar.from_ical(content.decode("utf-8-sig"), multiple=True)
        return [event for calendar in calendars for event in calendar.walk("VEVENT")]
    except UnicodeDecodeError:
        _refuse("The file is not in UTF-8.")
    except UNREADABLE:
        _refuse("This is not an iCalendar file (.ics).")


def _name(event):
    summary = event.get("SUMMARY", "")
    return one_line(summary[0] if isinstance(summary, list) else summary)[:NAME_LENGTH].strip()


def _read(event, name, today):
    said = f"“{name or 'An event without a name'}”"
    try:
        return _occurrences(event, said, today)
    except UNREADABLE:
        _refuse(f"{said} has no start, or something in it does not fit.")


def _occurrences(event, said, today):
    """`(first day, number of days)` of one event."""
    if any(key in event for key in ("RDATE", "EXDATE", "RECURRENCE-ID", "EXRULE")):
        _refuse(f"{said} repeats with exceptions. List its days one by one.", "recurring")
    first, after = _day(event.start), _day(event.end)
    if first is None or after is None:
        _refuse(f"{said} is not a whole day. Only whole days are days off.", "not_whole_days")
    length = (after - first).days
    if not 1 <= length <= LONGEST_DAYS:
        _refuse(f"{said} lasts {length} days; 1 to {LONGEST_DAYS} are possible.")
    if "RRULE" not in event:
        return [(first, length)]
    return [(day, length) for day in _every_year(event["RRULE"], first, said, today)]


def _every_year(rule, first, said, today):
    """The same date of each year; the rules of libraries can run for ever, so this one is ours and no more."""
    given = {key.upper(): value for key, value in rule.items()}
    redundant = {"FREQ": ["YEARLY"], "INTERVAL": [1], "BYMONTH": [first.month], "BYMONTHDAY": [first.day]}
    plain = all(list(map(str, given[key])) == list(map(str, redundant[key])) for key in given if key in redundant)
    if "FREQ" not in given or not plain or set(given) - {*redundant, "COUNT", "UNTIL", "WKST"}:
        _refuse(f"{said} repeats by a rule that is not simply every year. List its days one by one.", "recurring")
    last = min(LAST.year, today.year + YEARS_AHEAD)
    if "COUNT" in given:
        last = min(last, first.year + int(given["COUNT"][0]) - 1)
    days = [first.replace(year=year) for year in range(first.year, last + 1) if _exists(first, year)]
    until = _date_of(given["UNTIL"][0]) if "UNTIL" in given else LAST
    return [day for day in days if FIRST <= day <= until]


def _exists(day, year):
    try:
        day.replace(year=year)
    except ValueError:
        return False  # 29 February
    return True


def _day(moment):
    """The date of a whole day's edge: a date, or midnight. Else None."""
    if isinstance(moment, datetime):
        return moment.date() if moment.time() == datetime.min.time() else None
    return moment if isinstance(moment, date) else None


def _date_of(moment):
    return moment.date() if isinstance(moment, datetime) else moment


def _refuse(sentence, code="invalid"):
    raise Invalid.field(FIELD, sentence, code)
