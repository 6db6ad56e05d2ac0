"""Pages of working calendars: who may see the team looks, who manages ladders changes."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountEvent, Membership, Team
from accounts.transitions import set_compliance_administrator
from approvals.models import ApprovalStage, WorkingCalendar
from approvals.tests.test_calendar_admin import form
from approvals.tests.test_calendars import SAXONY
from approvals.tests.test_ics import ics
from approvals.transitions_calendar import set_calendar, switch_off_calendar

LIST = "/governance/calendars/"
MONDAY = datetime(2026, 11, 16, 13, tzinfo=UTC)


@pytest.fixture
def saved(lab):
    return set_calendar(lab.team.pk, by=lab.admin, **SAXONY, days_off=[{"date": "2026-12-24", "name": "Closed"}])


@pytest.fixture
def owner(lab):
    Membership.objects.filter(user=lab.lea).update(role="owner")
    return lab.lea


@pytest.fixture
def cleo(lab):
    """A compliance administrator."""
    return set_compliance_administrator(lab.cleo.pk, by=lab.admin, member=True)


def page_of(team):
    return f"{LIST}{team.pk}/"


def text_of(client, who, address, **query):
    client.force_login(who)
    with time_machine.travel(MONDAY, tick=False):
        answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_owner_reads_the_week_the_zone_and_the_days_off(client, lab, saved, owner):
    page = text_of(client, owner, page_of(lab.team))
    assert "09:00 to 12:00, 13:00 to 18:00" in page
    assert page.count("Nobody works") == 2
    assert "40 hours" in page
    assert "It is Mon 16 Nov 2026, 14:00 there, 1 hour ahead of UTC. The clocks change next on Sun 28 Mar 2027." in page
    assert "SN, Sachsen" in page
    assert "Repentance and Prayer Day" in page
    assert "Thu 24 Dec 2026" in page
    assert "Sat 26 Dec 2026" not in page  # a public holiday on which nobody would work
    assert f'href="{page_of(lab.team)}change/"' not in page


def test_the_example_is_a_friday_afternoon_with_its_arithmetic(client, lab, saved, owner):
    page = text_of(client, owner, page_of(lab.team))
    assert "24 working hours from Fri 20 Nov 2026, 16:00 Europe/Berlin: 2 h on Fri 20 Nov, 8 h on Mon 23 Nov" in page
    assert "Due Wed 25 Nov 2026, 16:00." in page
    assert "By the hours of the clock it would be" in page


def test_another_stage_can_be_tried_and_what_does_not_fit_is_said(client, lab, saved, owner):
    page = text_of(client, owner, page_of(lab.team), hours="2", starts="2026-11-17T17:00")
    assert "2 working hours from Tue 17 Nov 2026, 17:00 Europe/Berlin: 1 h on Tue 17 Nov and 1 h on Thu 19 Nov" in page
    for given, said in (
        ({"hours": "0", "starts": "2026-11-17T17:00"}, "Give whole hours"),
        ({"hours": "2", "starts": "soon"}, "Give a day and a time"),
        ({"hours": "2", "starts": "9999-12-31T23:59"}, "Choose a day from"),
    ):
        answer = client.get(page_of(lab.team), given)
        assert answer.status_code == 400
        assert said in answer.content.decode()


def test_what_is_due_stands_there_with_its_arithmetic_for_who_sees_the_run(client, lab, saved, owner, cleo):
    with time_machine.travel(MONDAY, tick=False):
        lab.ladder({"name": "QA review", "required_role": "qa_lead", "sla_hours": 24})
    page = text_of(client, owner, page_of(lab.team))
    assert "QA review" in page
    assert "24 working hours from Mon 16 Nov 2026, 14:00 Europe/Berlin" in page
    Membership.objects.filter(user=cleo).delete()
    page = text_of(client, cleo, page_of(lab.team))
    assert "QA review" not in page
    assert "Nothing of the runs you see." in page


def test_hours_of_the_clock_and_dates_set_by_hand_are_told_apart(client, lab, owner):
    with time_machine.travel(MONDAY, tick=False):
        ladder = lab.ladder({"name": "QA review", "required_role": "qa_lead", "sla_hours": 24})
    assert "24 hours of the clock from 16 Nov 2026 13:00 UTC." in text_of(client, owner, page_of(lab.team))
    ApprovalStage.objects.filter(ladder=ladder).update(due_at=MONDAY)
    assert "Set by hand" in text_of(client, owner, page_of(lab.team))


def test_what_is_due_asks_as_often_for_thirty_stages_as_for_one(client, lab, saved, owner):
    client.force_login(owner)

    def count():
        with time_machine.travel(MONDAY, tick=False), CaptureQueriesContext(connection) as queries:
            client.get(page_of(lab.team))
        return len(queries)

    count()
    lab.ladder({"required_role": "qa_lead", "sla_hours": 24})
    one = count()
    for _ in range(29):
        lab.ladder({"required_role": "qa_lead", "sla_hours": 24})
    assert count() == one


def test_without_a_calendar_the_page_says_that_the_clock_counts(client, lab, owner, cleo):
    page = text_of(client, owner, page_of(lab.team))
    assert "has no working calendar" in page
    assert "24 hours of the clock from Fri 20 Nov 2026, 16:00 UTC. Due Sat 21 Nov 2026, 16:00 UTC." in page
    assert "Make a calendar" in text_of(client, cleo, page_of(lab.team))


def test_one_that_is_switched_off_or_no_longer_fits_says_so(client, lab, saved, owner):
    switch_off_calendar(lab.team.pk, by=lab.admin)
    assert "This calendar is switched off" in text_of(client, owner, page_of(lab.team))
    WorkingCalendar.objects.update(is_active=True, time_zone="Mars/Base")
    page = text_of(client, owner, page_of(lab.team))
    assert "This calendar does not count" in page
    assert "Choose a time zone" in page
    assert "24 hours of the clock" in page


def test_a_stranger_finds_nothing_and_an_owner_changes_nothing(client, lab, saved, owner):
    client.force_login(lab.stranger)
    for address in (page_of(lab.team), page_of(lab.team) + "change/"):
        assert client.get(address).status_code == 404
    assert lab.team.name not in client.get(LIST).content.decode()
    client.force_login(owner)
    answer = client.post(page_of(lab.team) + "change/", form(lab))
    assert answer.status_code == 403
    assert "managed by compliance administrators" in answer.content.decode()
    assert WorkingCalendar.objects.get().updated_by == lab.admin


def test_a_compliance_administrator_makes_and_changes_the_calendar_of_any_team(client, lab, cleo):
    Membership.objects.filter(user=cleo).delete()
    client.force_login(cleo)
    change = page_of(lab.team) + "change/"
    assert client.get(change).status_code == 200
    closed = SimpleUploadedFile("days.ics", ics("DTSTART;VALUE=DATE:20261130\nSUMMARY:Site day"))
    answer = client.post(change, form(lab, days_off="2026-12-24 Closed", ics=closed))
    assert (answer.status_code, answer["Location"]) == (302, page_of(lab.team))
    row = WorkingCalendar.objects.get()
    assert [day["name"] for day in row.days_off] == ["Site day", "Closed"]
    assert AccountEvent.objects.get(action="team.calendar_changed").actor == cleo
    again = form(lab, seen=row.updated_at.isoformat(), is_active="")
    assert client.post(change, again).status_code == 302
    assert not WorkingCalendar.objects.get().is_active


def test_what_was_typed_stays_and_a_preview_saves_nothing(client, lab, saved, cleo):
    client.force_login(cleo)
    change = page_of(lab.team) + "change/"
    seen = saved.updated_at.isoformat()
    answer = client.post(change, form(lab, seen=seen, mon="10:00-17:00", sat="nine to five"))
    assert answer.status_code == 400
    assert 'value="10:00-17:00"' in answer.content.decode()
    assert "Write hours as 09:00-12:00" in answer.content.decode()
    with time_machine.travel(MONDAY, tick=False):
        answer = client.post(change, form(lab, seen=seen, fri="", _preview="1"))
    assert "24 working hours from Mon 16 Nov 2026, 14:00 Europe/Berlin" in answer.content.decode()
    answer = client.post(change, form(lab, seen="2026-01-01T00:00:00+00:00"))
    assert "while you were editing it" in answer.content.decode()
    saved.refresh_from_db()
    assert saved.hours["mon"] == [["09:00", "12:00"], ["13:00", "18:00"]]


def test_the_list_asks_as_often_for_thirty_rows_as_for_one(client, lab, saved, cleo):
    client.force_login(cleo)

    def count():
        client.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        return len(queries)

    Team.objects.exclude(pk=lab.team.pk).exclude(pk=lab.other_team.pk).delete()
    few = count()
    for number in range(28):
        set_calendar(Team.objects.create(name=f"Team {number}").pk, by=lab.admin, **SAXONY)
    assert count() == few
