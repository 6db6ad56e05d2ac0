"""Working calendars: what fits, who may change them, what is recorded, and which deadline counts them."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.models import AccountEvent
from accounts.transitions import set_compliance_administrator
from approvals.calendars import calendar_of, clean_calendar, countries, days_off_from, hours_from, subdivisions
from approvals.deadlines import TIME_FIELDS, retime
from approvals.models import ApprovalStage, WorkingCalendar
from approvals.tests.lab import reject
from approvals.transitions import reset_stage
from approvals.transitions_calendar import NEW, set_calendar
from ledger.errors import Invalid, NotAllowed, TransitionDenied

OFFICE = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
SAXONY = {"time_zone": "Europe/Berlin", "hours": OFFICE, "country": "DE", "subdivision": "SN"}


def events():
    return [(event.action, event.actor_name, event.payload) for event in AccountEvent.objects.all()]


# --- What fits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"time_zone": "Europe/Atlantis"}, "time_zone", "Choose a time zone"),
        ({"time_zone": ""}, "time_zone", "Choose a time zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone", "Choose a time zone"),
        ({"time_zone": None}, "time_zone", "Choose a time zone"),
        ({"hours": {}}, "hours", "five hours at least"),
        ({"hours": {"mon": [["09:00", "13:59"]]}}, "hours", "five hours at least"),
        ({"hours": []}, "hours", "Hours are given for"),
        ({"hours": {"monday": []}}, "hours", "Hours are given for"),
        ({"hours": {**OFFICE, "sat": [["22:00", "06:00"]]}}, "hours.sat", "Split a night at midnight"),
        ({"hours": {**OFFICE, "sat": [["09:00", "12:00"], ["11:00", "13:00"]]}}, "hours.sat", "without overlap"),
        ({"hours": {**OFFICE, "sat": [["09:00", "24:01"]]}}, "hours.sat", "Write hours as"),
        ({"hours": {**OFFICE, "sat": [["9", "12:00"]]}}, "hours.sat", "Write hours as"),
        ({"hours": {**OFFICE, "sat": [["09:00"]]}}, "hours.sat", "Write hours as"),
        ({"hours": {**OFFICE, "sat": "09:00-12:00"}}, "hours.sat", "Write hours as"),
        ({"hours": {**OFFICE, "sat": [["01:00", "01:01"]] * 13}}, "hours.sat", "Write hours as"),
        ({"country": "XX"}, "country", "are not known"),
        ({"country": ["DE"]}, "country", "are not known"),
        ({"subdivision": "TX"}, "subdivision", "no such part"),
        ({"country": "", "subdivision": "SN"}, "subdivision", "no such part"),
        ({"days_off": [{"date": "24.12.2026", "name": ""}]}, "days_off", "is no date"),
        ({"days_off": [{"date": "2026-02-30"}]}, "days_off", "is no date"),
        ({"days_off": [{"date": "1999-12-31"}]}, "days_off", "too far away"),
        ({"days_off": [{"date": "2026-12-24", "name": "a\nb"}]}, "days_off", "one line"),
        ({"days_off": [{"date": "2026-12-24", "name": "x" * 101}]}, "days_off", "At most 100"),
        ({"days_off": [{"date": "2026-12-24", "why": "x"}]}, "days_off", "a date and a name"),
        ({"days_off": "2026-12-24"}, "days_off", "a list"),
        (
            {"days_off": [{"date": str(date(2026, 1, 1) + timedelta(days=number))} for number in range(2001)]},
            "days_off",
            "2,001 days off; 2,000 are possible",
        ),
    ],
)
def test_what_does_not_fit_is_named(change, field, sentence):
    with pytest.raises(Invalid, match=sentence) as refusal:
        clean_calendar(**SAXONY | change)
    assert refusal.value.errors[0]["field"] == field


def test_every_fault_is_named_at_once():
    with pytest.raises(Invalid) as refusal:
        clean_calendar(time_zone="x", hours={}, country="XX", days_off="x")
    assert [error["field"] for error in refusal.value.errors] == ["time_zone", "hours", "country", "days_off"]


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("", []),
        ("09:00-12:00, 13:00-17:30", [["09:00", "12:00"], ["13:00", "17:30"]]),
        (" 9 – 17 ,22:00-24:00", [["09:00", "17:00"], ["22:00", "24:00"]]),
    ],
)
def test_hours_are_read_as_people_type_them(text, windows):
    assert hours_from(text) == windows


@pytest.mark.parametrize("text", ["nine to five", "09:00", "09:00-", "09:00-12:00-13:00", "25:00-26:00", "٠٩:٠٠-١٢:٠٠"])
def test_other_hours_are_refused(text):
    with pytest.raises(Invalid, match="Write hours as"):
        hours_from(text)


def test_days_off_are_lines_with_a_date_first():
    assert days_off_from("2026-12-31 Silvester party \n\n2026-12-24\n") == [
        {"date": "2026-12-24", "name": ""},
        {"date": "2026-12-31", "name": "Silvester party"},
    ]
    with pytest.raises(Invalid, match="Line 2: “soon” is no date"):
        days_off_from("2026-12-24\nsoon")


def test_countries_have_names_and_parts():
    assert countries()["DE"] == "Germany"
    assert subdivisions("DE")["SN"] == "SN, Sachsen"
    assert subdivisions("XX") == {}


# --- The verb ---------------------------------------------------------------------------------------------------------


def test_a_calendar_is_made_and_changed_and_every_change_is_recorded(lab):
    row = set_calendar(lab.team.pk, by=lab.admin, **SAXONY, expected_updated_at=NEW)
    assert (row.updated_by, row.is_active) == (lab.admin, True)
    assert calendar_of(lab.team.pk).time_zone == "Europe/Berlin"
    [(action, actor, payload)] = events()
    assert (action, actor, payload["team_id"]) == ("team.calendar_changed", "Ada Admin", str(lab.team.pk))
    assert set(payload["changes"]) == {"time_zone", "hours", "country", "subdivision", "is_active"}
    assert payload["changes"]["country"] == [None, "DE"]
    christmas = {"date": "2026-12-24", "name": "Closed"}
    set_calendar(lab.team.pk, by=lab.admin, **SAXONY, days_off=[christmas], expected_updated_at=row.updated_at)
    set_calendar(lab.team.pk, by=lab.admin, **SAXONY, is_active=False)
    changes = [payload["changes"] for _, _, payload in events()][:2]
    assert changes == [
        {"days_off": {"added": [], "removed": [christmas]}, "is_active": [True, False]},
        {"days_off": {"added": [christmas], "removed": []}},
    ]
    assert calendar_of(lab.team.pk) is None


def test_the_same_again_writes_nothing(lab):
    row = set_calendar(lab.team.pk, by=lab.admin, **SAXONY)
    again = set_calendar(lab.team.pk, by=lab.admin, **SAXONY)
    assert (again.pk, again.updated_at, len(events())) == (row.pk, row.updated_at, 1)


def test_administrators_and_compliance_administrators_change_calendars(lab):
    set_compliance_administrator(lab.cleo.pk, by=lab.admin, member=True)
    lab.cleo.refresh_from_db()
    assert set_calendar(lab.team.pk, by=lab.cleo, **SAXONY).updated_by == lab.cleo
    for user in (lab.requester, lab.lea, lab.stranger):
        with pytest.raises(NotAllowed, match="compliance administrators"):
            set_calendar(lab.team.pk, by=user, **SAXONY, is_active=False)
    assert WorkingCalendar.objects.get().is_active


def test_who_comes_second_overwrites_nothing(lab):
    row = set_calendar(lab.team.pk, by=lab.admin, **SAXONY, expected_updated_at=NEW)
    with pytest.raises(TransitionDenied, match="has a working calendar already"):
        set_calendar(lab.team.pk, by=lab.admin, **SAXONY, expected_updated_at=NEW)
    set_calendar(lab.team.pk, by=lab.admin, **SAXONY | {"time_zone": "UTC"}, expected_updated_at=row.updated_at)
    with pytest.raises(TransitionDenied, match="while you were editing it") as refusal:
        set_calendar(lab.team.pk, by=lab.admin, **SAXONY, expected_updated_at=row.updated_at)
    assert refusal.value.code == "stale"
    assert (WorkingCalendar.objects.get().time_zone, len(events())) == ("UTC", 2)


def test_nothing_is_written_when_the_record_fails(lab, monkeypatch):
    monkeypatch.setattr("approvals.transitions_calendar.record_account_event", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        set_calendar(lab.team.pk, by=lab.admin, **SAXONY)
    assert not WorkingCalendar.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_first_calendars_at_once_one_is_made(lab):
    together, answers = threading.Barrier(2, timeout=20), []

    def make():
        together.wait()
        try:
            set_calendar(lab.team.pk, by=lab.admin, **SAXONY, expected_updated_at=NEW)
            answers.append("made")
        except TransitionDenied as refusal:
            answers.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["exists", "made"]
    assert WorkingCalendar.objects.count() == len(events()) == 1


# --- Deadlines --------------------------------------------------------------------------------------------------------

STAGE = {
    "name": "QA review",
    "required_role": "qa_lead",
    "sla_hours": 24,
    "metadata": {"reminder_hours": 10, "escalation": [{"after_hours": 12, "to": "team_owners"}]},
}
FRIDAY = datetime(2026, 3, 27, 13, tzinfo=UTC)  # 14:00 in Berlin; clocks are set in the night to Sunday


@pytest.fixture
def saxony(lab):
    return set_calendar(lab.team.pk, by=lab.admin, **SAXONY)


def test_a_stage_counts_its_teams_working_time_across_the_setting_of_clocks(lab, saxony):
    with time_machine.travel(FRIDAY, tick=False):
        stage = lab.stage(lab.ladder(STAGE), 1)
    assert stage.due_at == datetime(2026, 4, 1, 12, tzinfo=UTC)
    assert stage.due_words == (
        "24 working hours from Fri 27 Mar 2026, 14:00 Europe/Berlin: 4 h on Fri 27 Mar, 8 h on Mon 30 Mar, "
        "8 h on Tue 31 Mar and 4 h on Wed 1 Apr. Due Wed 1 Apr 2026, 14:00."
    )
    assert stage.remind_at == datetime(2026, 3, 31, 9, tzinfo=UTC)  # 4 h of Wednesday, 5 of Tuesday afternoon, 1 more
    # Four hours on Wednesday, eight on Thursday; Good Friday and Easter Monday are not reached.
    assert stage.escalate_at == datetime(2026, 4, 2, 16, tzinfo=UTC)


def test_a_change_of_the_calendar_leaves_deadlines_that_are_set(lab, saxony):
    with time_machine.travel(FRIDAY, tick=False):
        ladder = lab.ladder(STAGE)
        before = lab.stage(ladder, 1).due_at
        set_calendar(lab.team.pk, by=lab.admin, **SAXONY, is_active=False)
        assert lab.stage(ladder, 1).due_at == before
        reject(lab, ladder, 1, lab.mira, notes="No")
        reset_stage(lab.stage(ladder, 1).pk, by=lab.requester, notes="Again")
    stage = lab.stage(ladder, 1)
    assert (stage.due_at, stage.due_words) == (FRIDAY + timedelta(hours=24), "")


@pytest.mark.parametrize("change", [{"time_zone": "Mars/Base"}, {"country": "XX"}, {"hours": {}}, {"days_off": [7]}])
def test_a_broken_calendar_stops_no_stage(lab, saxony, change, caplog):
    WorkingCalendar.objects.update(**change)
    with time_machine.travel(FRIDAY, tick=False):
        stage = lab.stage(lab.ladder(STAGE), 1)
    assert (stage.due_at, stage.due_words) == (FRIDAY + timedelta(hours=24), "")
    assert str(lab.team.pk) in caplog.text


def test_another_deadline_is_absolute_and_starts_reminder_and_escalation_anew(lab, saxony):
    with time_machine.travel(FRIDAY, tick=False):
        stage = lab.stage(lab.ladder(STAGE), 1)
        ApprovalStage.objects.update(overdue_notified_at=timezone.now(), escalation_step=1, escalate_at=None)
        stage.refresh_from_db()
        due_at = datetime(2026, 3, 31, 16, tzinfo=UTC)  # Tuesday, 18:00
        retime(stage, due_at, now=timezone.now())
        stage.save(update_fields=TIME_FIELDS)
    stage.refresh_from_db()
    assert (stage.due_at, stage.due_words) == (due_at, "")
    assert (stage.overdue_notified_at, stage.escalation_step) == (None, 0)
    assert stage.remind_at == datetime(2026, 3, 30, 14, tzinfo=UTC)
    assert stage.escalate_at == datetime(2026, 4, 2, 12, tzinfo=UTC)


def test_a_deadline_taken_away_takes_the_rest_with_it(lab):
    stage = lab.stage(lab.ladder(STAGE), 1)
    retime(stage, None, now=timezone.now())
    assert [getattr(stage, name) for name in TIME_FIELDS] == [None, "", None, None, None, 0]
