"""Reminders, overdue stages and escalations: each once, the right people, exactly recorded."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Notification, User
from approvals import monitor
from approvals.enums import StageStatus
from approvals.models import ApprovalAction, ApprovalStage
from approvals.tests.lab import EXPORT_ID, approve, reject
from approvals.transitions import reset_stage
from approvals.transitions_sla import escalate_stage, flag_overdue, remind_stage
from experiments.events import Event
from experiments.models import Execution
from ledger.canonical import rfc3339

GOLDEN = Path(__file__).with_name("golden")
NOTHING = {"reminded": 0, "overdue": 0, "escalated": 0, "failed": 0, "left": False}


@pytest.fixture
def system(db):
    return User.objects.system()


@pytest.fixture
def opened(lab):
    """`opened(**metadata)`: a ladder with one stage of 24 hours for QA, just started."""

    def start(hours=24, **metadata):
        entry = {"name": "QA review", "required_role": "qa_lead", "sla_hours": hours, "metadata": metadata}
        ladder = lab.ladder(entry)
        Notification.objects.all().delete()
        return lab.stage(ladder, 1)

    return start


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield lambda **ahead: traveller.shift(timedelta(**ahead))


def rung(hours, to):
    return {"after_hours": hours, "to": getattr(to, "pk", to) if isinstance(to, str) else str(to.pk)}


def told(kind):
    return sorted(Notification.objects.filter(kind=kind).values_list("user__full_name", flat=True))


def swept(**done):
    assert monitor.sweep() == NOTHING | done


def of(stage, event_type):
    return [event for event in stage.ladder.execution.events.all() if event.event_type == event_type]


# --- Reminder ---------------------------------------------------------------------------------------------------------


def test_who_can_sign_is_reminded_once_and_nothing_is_recorded(opened, clock):
    stage = opened(reminder_hours=4)
    clock(hours=19, minutes=59)
    swept()
    clock(minutes=1)
    swept(reminded=1)
    swept()
    assert told("stage_reminder") == ["Mira Kessler", "Ravi Adeyemi"]
    assert of(stage, Event.STAGE_OVERDUE) == []
    assert not ApprovalAction.objects.exists()


def test_a_reminder_that_comes_after_the_deadline_is_not_sent(opened, clock):
    opened(reminder_hours=4)
    clock(hours=25)
    swept(reminded=1, overdue=1)
    assert told("stage_reminder") == []


def test_a_stage_shorter_than_its_reminder_has_none(opened):
    assert opened(hours=3, reminder_hours=4).remind_at is None


# --- Overdue ----------------------------------------------------------------------------------------------------------


def test_an_overdue_stage_is_flagged_once(opened, clock, system, lab):
    stage = opened()
    clock(hours=24)
    swept()
    clock(seconds=1)
    swept(overdue=1)
    swept()
    stage.refresh_from_db()
    assert stage.overdue_notified_at == timezone.now()
    assert told("stage_overdue") == ["Jonas Ortega", "Mira Kessler", "Ravi Adeyemi"]
    [event] = of(stage, Event.STAGE_OVERDUE)
    assert (event.actor, event.actor_name) == (system, "BioLabs")
    assert pinned(event, stage, lab) == golden(Event.STAGE_OVERDUE)


def test_what_is_decided_waits_or_has_no_deadline_is_left_alone(lab, clock):
    decided = lab.ladder({"required_role": "scientist", "sla_hours": 1}, {"required_role": "qa_lead"})
    approve(lab, decided, 1, lab.lea)
    clock(days=30)
    swept()


def test_a_decision_ends_reminders_and_escalations(opened, lab, clock):
    stage = opened(reminder_hours=4, escalation=[rung(1, "team_owners")])
    assert stage.remind_at
    assert stage.escalate_at == stage.due_at + timedelta(hours=1)
    approve(lab, stage.ladder, 1, lab.mira)
    stage.refresh_from_db()
    assert (stage.remind_at, stage.escalate_at) == (None, None)
    assert stage.due_at
    clock(days=30)
    swept()


def test_a_reset_starts_every_clock_anew(opened, lab, clock):
    stage = opened(reminder_hours=4, escalation=[rung(0, "team_owners")])
    clock(hours=25)
    swept(reminded=1, overdue=1, escalated=1)
    reject(lab, stage.ladder, 1, lab.mira, notes="No")
    reset_stage(stage.pk, by=lab.requester, notes="Again")
    stage.refresh_from_db()
    assert (stage.escalation_step, stage.overdue_notified_at) == (0, None)
    assert stage.remind_at == timezone.now() + timedelta(hours=20)
    assert stage.escalate_at == stage.due_at == timezone.now() + timedelta(hours=24)
    clock(hours=25)
    swept(reminded=1, overdue=1, escalated=1)
    assert [event.payload["cycle"] for event in of(stage, Event.STAGE_OVERDUE)] == [1, 2]


def test_a_stage_that_started_before_there_were_escalations_keeps_its_deadline_and_is_escalated(opened, clock):
    stage = opened(escalation=[rung(2, "team_owners")])
    ApprovalStage.objects.update(escalate_at=None)
    clock(hours=25)
    swept(overdue=1)
    assert ApprovalStage.objects.get().due_at == stage.due_at
    clock(hours=1)
    swept(escalated=1)


# --- Escalation -------------------------------------------------------------------------------------------------------


def test_each_rung_tells_its_people_once(opened, lab, clock, system):
    boss = lab.user("Bo Boss", team=lab.other_team)
    owner = lab.user("Olive Owner")
    Membership.objects.filter(user=owner).update(role="owner")
    stage = opened(escalation=[rung(1, boss), rung(4, "team_owners")])
    assert lab.execution not in Execution.objects.visible_to(boss)
    clock(hours=25)
    swept(overdue=1, escalated=1)
    assert told("stage_escalated") == ["Bo Boss"]
    assert lab.execution in Execution.objects.visible_to(boss)
    clock(hours=3)
    swept(escalated=1)
    clock(days=30)
    swept()
    assert told("stage_escalated") == ["Bo Boss", "Olive Owner"]
    first, second = of(stage, Event.STAGE_ESCALATED)
    assert (first.actor, second.payload["rung"]) == (system, 2)
    assert pinned(first, stage, lab, boss) == golden(Event.STAGE_ESCALATED)
    assert second.payload["notes"] == "Escalation 2 of 2. The owners of Assay team are told: Olive Owner."
    actions = ApprovalAction.objects.filter(action_type="escalated").order_by("created_at")
    assert [(each.actor, each.metadata["rung"], each.cycle) for each in actions] == [(system, 1, 1), (system, 2, 1)]


def test_rungs_that_were_missed_are_climbed_in_order(opened, lab, clock):
    stage = opened(escalation=[rung(1, lab.cleo), rung(4, lab.lea)])
    clock(days=3)
    swept(overdue=1, escalated=1)
    swept(escalated=1)
    swept()
    assert [event.payload["escalated_to"][0]["name"] for event in of(stage, Event.STAGE_ESCALATED)] == [
        "Cleo Park",
        "Lea Novak",
    ]


@pytest.mark.parametrize(
    ("to", "owners", "people", "notes"),
    [
        (
            "Cleo Park", ["Olive Owner"], ["Olive Owner"],
            "Cleo Park is deactivated. The owners of Assay team are told: Olive Owner.",
        ),
        (
            "Cleo Park", [], ["Ada Admin"],
            "Cleo Park is deactivated. Assay team has no active owner, so the administrators are told: Ada Admin.",
        ),
        (
            "00000000-0000-4000-8000-000000000000", ["Olive Owner"], ["Olive Owner"],
            "The person it names is not known. The owners of Assay team are told: Olive Owner.",
        ),
    ],
)  # fmt: skip
def test_an_escalation_finds_somebody_and_says_why_them(opened, lab, clock, to, owners, people, notes):
    owner = lab.user("Olive Owner")
    Membership.objects.filter(user=owner).update(role="owner")
    User.objects.filter(pk=owner.pk).update(is_active=bool(owners))
    stage = opened(escalation=[rung(1, lab.cleo)])
    if "-" in to:  # what an older version let in
        ApprovalStage.objects.update(metadata={"escalation": [rung(1, to)]})
    User.objects.filter(pk=lab.cleo.pk).update(is_active=False)
    clock(hours=26)
    swept(overdue=1, escalated=1)
    assert told("stage_escalated") == people
    assert of(stage, Event.STAGE_ESCALATED)[0].payload["notes"] == f"Escalation 1 of 1. {notes}"


def test_a_run_without_a_team_is_escalated_to_the_administrators(opened, lab, clock):
    stage = opened(escalation=[rung(1, "team_owners")])
    protocol = lab.execution.protocol
    protocol.team = None
    protocol.save()
    clock(hours=26)
    swept(overdue=1, escalated=1)
    [event] = of(stage, Event.STAGE_ESCALATED)
    assert event.payload["notes"].endswith("No team owns this run, so the administrators are told: Ada Admin.")


# --- The monitor itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [remind_stage, flag_overdue, escalate_stage])
def test_the_second_monitor_finds_it_done(opened, clock, system, verb):
    stage = opened(reminder_hours=1, escalation=[rung(0, "team_owners")])
    clock(hours=24, seconds=1)
    assert [verb(stage.pk, by=system), verb(stage.pk, by=system)] == [True, False]


@pytest.mark.parametrize("verb", [remind_stage, flag_overdue, escalate_stage])
def test_a_decision_just_before_the_lock_wins(opened, lab, clock, system, verb):
    stage = opened(reminder_hours=1, escalation=[rung(0, "team_owners")])
    clock(hours=24, seconds=1)
    approve(lab, stage.ladder, 1, lab.mira)
    before = lab.events()
    assert not verb(stage.pk, by=system)
    assert lab.events() == before


def test_nothing_is_written_when_the_telling_fails_and_the_other_stages_go_on(opened, clock, monkeypatch, caplog):
    first, second = opened(), opened()
    clock(hours=25)
    really = monitor.WATCHES[1].verb.__globals__["tell_overdue"]

    def failing(stage, *, now):
        if stage.pk == first.pk:
            raise RuntimeError("no paper")
        really(stage, now=now)

    monkeypatch.setattr("approvals.transitions_sla.tell_overdue", failing)
    swept(overdue=1, failed=1)
    assert str(first.pk) in caplog.text
    assert set(ApprovalStage.objects.filter(overdue_notified_at=None)) == {first}
    assert len(of(second, Event.STAGE_OVERDUE)) == 1
    monkeypatch.undo()
    swept(overdue=1)
    assert len(of(first, Event.STAGE_OVERDUE)) == 2  # both ladders are of one run


def test_a_sweep_has_an_end_and_the_next_goes_on(opened, clock, monkeypatch):
    for _ in range(5):
        opened()
    monkeypatch.setattr(monitor, "MOST_IN_ONE_SWEEP", 2)
    monkeypatch.setattr(monitor, "BATCH", 1)
    clock(hours=25)
    swept(overdue=2, left=True)
    swept(overdue=2, left=True)
    swept(overdue=1)


def test_looking_costs_three_questions_however_many_stages_wait(opened):
    opened(reminder_hours=1, escalation=[rung(1, "team_owners")])
    asked = len(queries(monitor.sweep))
    for _ in range(29):
        opened(reminder_hours=1, escalation=[rung(1, "team_owners")])
    assert len(queries(monitor.sweep)) == asked == 4  # and the system user


def test_each_question_goes_along_an_index(opened):
    opened()
    # SQLite prefers the index over status and deadline; what was flagged before is then passed over.
    overdue = "stage_open_by_due" if connection.vendor == "sqlite" else "stage_to_flag_overdue"
    indexes = ["stage_to_remind", overdue, "stage_to_escalate"]
    for watch, index in zip(monitor.WATCHES, indexes, strict=True):
        [question] = queries(lambda watch=watch: list(monitor.due(watch, timezone.now())))
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL enable_seqscan = off")
            explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
            cursor.execute(explain + question["sql"])
            assert index in str(cursor.fetchall())


def queries(work):
    with CaptureQueriesContext(connection) as found:
        work()
    return found.captured_queries


def test_the_command_prints_what_it_did(opened, clock):
    opened()
    clock(hours=25)
    out = StringIO()
    call_command("monitor_stages", "--once", stdout=out)
    assert json.loads(out.getvalue()) == NOTHING | {"overdue": 1}


def test_the_command_ends_with_an_error_when_a_stage_failed(opened, clock, monkeypatch):
    opened()
    clock(hours=25)
    monkeypatch.setattr("approvals.transitions_sla.tell_overdue", lambda *_, **__: 1 / 0)
    with pytest.raises(CommandError, match="1 stages could not"):
        call_command("monitor_stages", "--once", stdout=StringIO())


def golden(event_type):
    return json.loads((GOLDEN / f"{event_type}.json").read_text())


def pinned(event, stage, lab, *people):
    words = {str(stage.pk): "<stage>", EXPORT_ID: "<export>", rfc3339(stage.due_at): "<due>"}
    words |= {str(user.pk): f"<{user.full_name}>" for user in people}

    def word_for(value):
        if isinstance(value, dict):
            return {key: word_for(member) for key, member in value.items()}
        if isinstance(value, list):
            return [word_for(member) for member in value]
        return words.get(value, value) if isinstance(value, str) else value

    return word_for(event.payload)


def test_statuses_are_untouched(opened, clock):
    stage = opened(escalation=[rung(0, "team_owners")])
    clock(hours=25)
    monitor.sweep()
    stage.refresh_from_db()
    assert stage.status == StageStatus.IN_PROGRESS
