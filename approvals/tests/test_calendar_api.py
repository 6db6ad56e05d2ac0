"""Working calendars over HTTP."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import AccountEvent
from accounts.transitions import set_compliance_administrator
from approvals.models import WorkingCalendar
from approvals.tests.test_calendars import SAXONY
from approvals.tests.test_ics import ics
from approvals.transitions_calendar import set_calendar


@pytest.fixture
def cleo(lab):
    return set_compliance_administrator(lab.cleo.pk, by=lab.admin, member=True)


@pytest.fixture
def call(client, lab):
    def send(who, method, path="", body=None, **options):
        client.force_login(who)
        address = f"/api/teams/{options.pop('team', lab.team.pk)}/calendar{path}"
        if body is not None:
            options |= {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(client, method)(address, **options)

    return send


def events():
    return AccountEvent.objects.filter(action="team.calendar_changed").count()


def test_it_is_made_read_and_changed(call, lab, cleo):
    assert call(lab.lea, "get").status_code == 404
    made = call(cleo, "put", body=SAXONY | {"days_off": [{"date": "2026-12-24", "name": "Closed"}]})
    assert made.status_code == 201
    read = call(lab.lea, "get").json()
    assert read == made.json()
    assert read["hours"]["mon"] == [["09:00", "12:00"], ["13:00", "18:00"]]
    assert (read["hours"]["sun"], read["subdivision"], read["is_active"]) == ([], "SN", True)
    assert (read["team_id"], read["updated_by"]["id"]) == (str(lab.team.pk), str(cleo.pk))
    changed = call(cleo, "put", body=SAXONY | {"updated_at": read["updated_at"]})
    assert (changed.status_code, changed.json()["days_off"]) == (200, [])
    assert events() == 2


def test_who_read_an_earlier_one_overwrites_nothing(call, lab, cleo):
    seen = call(cleo, "put", body=SAXONY).json()["updated_at"]
    set_calendar(lab.team.pk, by=lab.admin, **SAXONY | {"time_zone": "UTC"})
    answer = call(cleo, "put", body=SAXONY | {"updated_at": seen})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale")
    assert WorkingCalendar.objects.get().time_zone == "UTC"


def test_what_does_not_fit_names_its_field(call, cleo):
    wrong = SAXONY | {"hours": {"sat": [["22:00", "06:00"]]}, "time_zone": "Mars/Base"}
    answer = call(cleo, "put", body=wrong)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {"time_zone", "hours.sat"}
    for body in (SAXONY | {"hour": {}}, SAXONY | {"hours": {"monday": []}}, SAXONY | {"hours": []}, [], {}):
        assert call(cleo, "put", body=body).status_code == 400
    assert not WorkingCalendar.objects.exists()


def test_strangers_find_nothing_and_members_change_nothing(call, lab, cleo):
    call(cleo, "put", body=SAXONY)
    for method, path in (("get", ""), ("put", ""), ("delete", ""), ("post", "/days-off"), ("get", "/due")):
        assert call(lab.stranger, method, path).status_code == 404
        assert call(lab.stranger, method, path, team="nonsense").status_code == 404
    for method, path in (("put", ""), ("delete", ""), ("post", "/days-off")):
        assert call(lab.lea, method, path).status_code == 403
    assert events() == 1


def test_switched_off_it_stays_and_hours_of_the_clock_count(call, lab, cleo):
    assert call(cleo, "delete").status_code == 404
    call(cleo, "put", body=SAXONY)
    for _ in range(2):
        assert call(cleo, "delete").status_code == 204
    assert call(lab.lea, "get").json()["is_active"] is False
    assert events() == 2
    due = call(lab.lea, "get", "/due", data={"hours": "24", "starts_at": "2026-11-20T15:00:00Z"}).json()
    assert (due["due_at"], due["words"]) == ("2026-11-21T15:00:00Z", "")


def test_a_due_date_comes_with_its_arithmetic(call, lab, cleo):
    call(cleo, "put", body=SAXONY)
    due = call(lab.lea, "get", "/due", data={"hours": "24", "starts_at": "2026-11-20T15:00:00Z"}).json()
    assert due["due_at"] == "2026-11-25T15:00:00Z"
    assert due["words"].startswith("24 working hours from Fri 20 Nov 2026, 16:00 Europe/Berlin")
    for wrong in ({}, {"hours": "x"}, {"hours": "0"}, {"hours": "9999"}, {"hours": "1", "starts_at": "9999-12-31"}):
        assert call(lab.lea, "get", "/due", data=wrong).status_code == 400


def test_days_of_a_file_join_the_list(call, lab, cleo):
    def file(content=None):
        content = content or ics("DTSTART;VALUE=DATE:20261130\nSUMMARY:Site day")
        return {"data": {"upload": SimpleUploadedFile("days.ics", content)}}

    assert call(cleo, "post", "/days-off", **file()).status_code == 404
    call(cleo, "put", body=SAXONY | {"days_off": [{"date": "2026-12-24", "name": "Closed"}]})
    answer = call(cleo, "post", "/days-off", **file())
    assert [day["name"] for day in answer.json()["days_off"]] == ["Site day", "Closed"]
    assert call(cleo, "post", "/days-off", **file()).status_code == 200
    assert events() == 2  # the same days again write nothing
    refused = call(cleo, "post", "/days-off", **file(b"hello"))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "upload")
    assert call(cleo, "post", "/days-off", **file(b"x" * (513 * 1024))).status_code == 413
