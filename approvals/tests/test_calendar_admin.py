"""The page of a working calendar: what is typed is kept, the preview saves nothing, the file's days join the list."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountEvent, Team
from accounts.transitions import set_compliance_administrator
from approvals.models import WorkingCalendar
from approvals.tests.test_calendars import SAXONY
from approvals.tests.test_ics import ics
from approvals.transitions_calendar import set_calendar

LIST = "/admin/approvals/workingcalendar/"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def office(client, lab):
    """A compliance administrator at the admin."""
    set_compliance_administrator(lab.cleo.pk, by=lab.admin, member=True)
    client.force_login(lab.cleo)
    return client


@pytest.fixture
def saved(lab):
    return set_calendar(lab.team.pk, by=lab.admin, **SAXONY, days_off=[{"date": "2026-12-24", "name": "Closed"}])


def form(lab, **given):
    typed = dict.fromkeys(DAYS, "") | dict.fromkeys(DAYS[:5], "09:00-12:00, 13:00-18:00")
    typed |= {"team": str(lab.team.pk), "time_zone": "Europe/Berlin", "country": "DE", "subdivision": "SN"}
    return typed | {"days_off": "", "is_active": "on", "seen": ""} | given


def page_of(row):
    return f"{LIST}{row.pk}/change/"


def form_of(lab, row, **given):
    return form(lab, days_off="2026-12-24 Closed", seen=row.updated_at.isoformat()) | given


def errors_of(answer):
    assert answer.status_code == 200
    return " ".join(map(str, answer.context["errors"]))


def test_a_calendar_is_made(office, lab):
    assert office.get(LIST + "add/").status_code == 200
    assert office.post(LIST + "add/", form(lab, days_off="2026-12-24 Closed")).status_code == 302
    row = WorkingCalendar.objects.get()
    assert (row.team, row.updated_by, row.subdivision) == (lab.team, lab.cleo, "SN")
    assert row.hours["mon"] == [["09:00", "12:00"], ["13:00", "18:00"]]
    assert row.days_off == [{"date": "2026-12-24", "name": "Closed"}]
    assert AccountEvent.objects.filter(action="team.calendar_changed", actor=lab.cleo).count() == 1


def test_a_page_saved_as_it_was_changes_nothing(office, lab, saved):
    before = AccountEvent.objects.count()
    assert office.post(page_of(saved), form_of(lab, saved)).status_code == 302
    assert WorkingCalendar.objects.get().updated_at == saved.updated_at
    assert AccountEvent.objects.count() == before


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sat": "nine to five"}, "Write hours as 09:00-12:00"),
        ({"sat": "22:00-06:00"}, "Split a night at midnight"),
        (dict.fromkeys(DAYS, ""), "five hours at least"),
        ({"time_zone": "Europe/Atlantis"}, "Choose a time zone"),
        ({"subdivision": "TX"}, "no such part"),
        ({"days_off": "2026-12-24 Closed\nsoon"}, "Line 2: “soon” is no date"),
        ({"ics": SimpleUploadedFile("x.ics", b"hello")}, "not an iCalendar file"),
        ({"seen": "yesterday"}, "while you were editing it"),
    ],
)
def test_what_does_not_fit_is_said_and_what_was_typed_is_kept(office, lab, saved, given, sentence):
    answer = office.post(page_of(saved), form_of(lab, saved, **{"wed": "10:00-17:00"} | given))
    assert sentence in errors_of(answer)
    if "wed" not in given:
        assert 'value="10:00-17:00"' in answer.content.decode()
    saved.refresh_from_db()
    assert saved.hours["wed"] == [["09:00", "12:00"], ["13:00", "18:00"]]


def test_the_preview_says_when_a_stage_would_be_due_and_saves_nothing(office, lab, saved):
    with time_machine.travel(datetime(2026, 11, 16, 13, tzinfo=UTC), tick=False):
        answer = office.post(page_of(saved), form_of(lab, saved, fri="", _preview="Preview"))
    page = answer.content.decode()
    assert answer.context["errors"] == []
    assert "A stage of 24 hours that starts now: 24 working hours from Mon 16 Nov 2026, 14:00 Europe/Berlin" in page
    assert "Not counted: Wed 18 Nov (Repentance and Prayer Day). Due Mon 23 Nov 2026, 14:00." in page
    saved.refresh_from_db()
    assert saved.hours["fri"]


def test_a_country_chosen_in_the_preview_shows_its_parts(office, lab):
    page = office.post(LIST + "add/", form(lab, country="AT", _preview="Preview")).content.decode()
    assert "Wien" in page
    assert "24 working hours" in page
    assert not WorkingCalendar.objects.exists()


def test_days_of_a_file_join_the_list_in_preview_and_in_saving(office, lab, saved):
    def file():
        return SimpleUploadedFile("days.ics", ics("DTSTART;VALUE=DATE:20261130\nSUMMARY:Site day"))

    answer = office.post(page_of(saved), form_of(lab, saved, ics=file(), _preview="Preview"))
    assert "2026-11-30 Site day\n2026-12-24 Closed" in answer.content.decode()
    assert office.post(page_of(saved), form_of(lab, saved, ics=file())).status_code == 302
    saved.refresh_from_db()
    assert [day["name"] for day in saved.days_off] == ["Site day", "Closed"]


def test_who_saves_second_overwrites_nothing(office, lab, saved):
    mine = form_of(lab, saved, days_off="")
    set_calendar(lab.team.pk, by=lab.admin, **SAXONY | {"time_zone": "UTC"})
    assert "while you were editing it" in errors_of(office.post(page_of(saved), mine))
    assert "has a working calendar already" in errors_of(office.post(LIST + "add/", form(lab)))
    assert WorkingCalendar.objects.get().time_zone == "UTC"


def test_a_calendar_that_no_longer_fits_opens_and_says_so(office, saved):
    WorkingCalendar.objects.update(time_zone="Mars/Base")
    page = office.get(page_of(saved)).content.decode()
    assert "Choose a time zone" in page
    assert "Mars/Base" in page


def test_nothing_is_deleted_and_others_find_no_door(client, office, lab, saved):
    assert office.post(f"{LIST}{saved.pk}/delete/", {"post": "yes"}).status_code == 403
    client.force_login(lab.lea)
    for address in (LIST, LIST + "add/", page_of(saved)):
        assert client.post(address, form(lab), follow=True).status_code == 403
    assert WorkingCalendar.objects.get().updated_by == lab.admin


def test_the_list_asks_as_often_for_thirty_rows_as_for_one(office, lab, saved):
    def count():
        office.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            assert office.get(LIST).status_code == 200
        return len(queries)

    one = count()
    for number in range(29):
        team = Team.objects.create(name=f"Team {number}")
        set_calendar(team.pk, by=lab.admin, **SAXONY)
    assert count() == one
