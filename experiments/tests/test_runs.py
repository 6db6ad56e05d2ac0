from datetime import timedelta

import pytest
from django.utils import timezone

from experiments import session
from experiments.enums import ExecutionStatus, StepStatus
from experiments.models import Execution, ExecutionAccess, ExecutionEvent, ExecutionStep
from experiments.tests.recorded import assert_chain, assert_golden, assert_recorded, events_of
from experiments.timeline import locked_timeline
from experiments.transitions import admit, advance_step, append_events, move_step, start_execution
from experiments.transitions_stock import create_item
from ledger.errors import Invalid, NotAllowed, TransitionDenied

NOTE = {"event_type": "note.operator", "payload": {"text": "Lid was loose"}}


def status_of(run):
    return Execution.objects.get(pk=run.pk).status


def test_a_started_run_has_its_steps_and_one_event(run):
    steps = list(run.steps.values_list("index", "instruction", "status"))
    assert steps == [
        (0, "Thaw the primers", "pending"),
        (1, "Dispense 15 µL per well", "pending"),
        (2, "Run the plate", "pending"),
    ]
    assert run.status == ExecutionStatus.PLANNED
    assert_recorded(run, "session.created")
    assert_golden(events_of(run)[0])


def test_a_run_without_a_title_takes_the_protocols_name(protocol, miles):
    assert start_execution(protocol, by=miles).title == "RT-qPCR"


@pytest.mark.parametrize("field", ["inventory_item_ids", "booking_ids", "equipment_ids"])
def test_a_run_that_links_something_unknown_is_not_started(protocol, miles, field):
    with pytest.raises(Invalid) as caught:
        start_execution(protocol, by=miles, **{field: ["3b7e7f4e-0f1c-4d1b-9a55-6c0a2d9a1f10"]})
    assert caught.value.errors[0]["field"] == f"{field}.0"
    assert not Execution.objects.exists()


def test_a_foreign_item_is_refused_as_if_it_was_not_there(protocol, miles, stan):
    theirs = create_item(by=stan, item_type="kit", name="Kit", team_id=stan.memberships.get().team_id)
    said = []
    for pk in (theirs.pk, "3b7e7f4e-0f1c-4d1b-9a55-6c0a2d9a1f10"):
        with pytest.raises(Invalid) as caught:
            start_execution(protocol, by=miles, inventory_item_ids=[pk])
        said.append(caught.value.errors)
    assert said[0] == said[1]


def test_an_opening_that_fails_undoes_the_start(protocol, miles, monkeypatch):
    monkeypatch.setattr(session, "_OPENINGS", {})

    def fails(timeline, by):
        raise TransitionDenied("No notebook today.")

    session.register_opening("notebook", fails)
    with pytest.raises(TransitionDenied):
        start_execution(protocol, by=miles, openings=["notebook"])
    assert not Execution.objects.exists()
    assert not ExecutionEvent.objects.exists()


def test_a_moved_step_is_recorded_and_the_run_follows(run, miles):
    move_step(run.pk, 1, by=miles, to="in_progress")
    assert status_of(run) == ExecutionStatus.IN_PROGRESS
    assert_recorded(run, "session.created", "step.transition")
    assert_golden(events_of(run)[-1])
    for index in range(3):
        move_step(run.pk, index, by=miles, to="completed")
    assert status_of(run) == ExecutionStatus.COMPLETED
    move_step(run.pk, 2, by=miles, to="in_progress")
    assert status_of(run) == ExecutionStatus.IN_PROGRESS
    assert ExecutionStep.objects.get(execution=run, index=2).completed_at is None


def test_the_times_of_a_step_are_those_given(run, miles):
    begun = timezone.now() - timedelta(hours=2)
    move_step(run.pk, 0, by=miles, to="in_progress", started_at=begun)
    ended = begun + timedelta(hours=1)
    step = move_step(run.pk, 0, by=miles, to="completed", completed_at=ended.isoformat())
    assert (step.started_at, step.completed_at) == (begun, ended)
    assert [event.occurred_at for event in events_of(run)] == [None, begun, ended]


@pytest.mark.parametrize(
    "given",
    [
        {"started_at": "2026-01-02T10:00:00Z", "completed_at": "2026-01-02T09:00:00Z"},
        {"completed_at": "2999-01-02T09:00:00Z"},
        {"completed_at": "2026-01-02T09:00:00"},
        {"completed_at": "0001-01-01T00:00:00+14:00"},
        {"completed_at": "yesterday"},
        {"completed_at": "\x00"},
        {"completed_at": 5},
    ],
)
def test_times_that_do_not_fit_are_refused_and_nothing_changes(run, miles, given):
    with pytest.raises(Invalid):
        move_step(run.pk, 0, by=miles, to="completed", **given)
    assert ExecutionStep.objects.get(execution=run, index=0).status == StepStatus.PENDING
    assert_recorded(run, "session.created")


def test_the_second_caller_hears_that_the_step_is_already_there(run, miles, mate):
    move_step(run.pk, 0, by=miles, to="in_progress")
    with pytest.raises(TransitionDenied, match="Step 1 is already in progress"):
        move_step(run.pk, 0, by=mate, to="in_progress")
    assert_recorded(run, "session.created", "step.transition")


def test_a_completed_step_cannot_be_skipped(run, miles):
    move_step(run.pk, 0, by=miles, to="completed")
    with pytest.raises(TransitionDenied, match="cannot become skipped"):
        move_step(run.pk, 0, by=miles, to="skipped")


def test_advance_goes_to_in_progress_then_completed_then_nowhere(run, miles):
    assert advance_step(run.pk, 0, by=miles).status == "in_progress"
    assert advance_step(run.pk, 0, by=miles).status == "completed"
    with pytest.raises(TransitionDenied, match="nothing comes after"):
        advance_step(run.pk, 0, by=miles)


def test_who_only_may_see_a_run_may_not_change_it(run, stan):
    with locked_timeline(run.pk) as timeline:
        admit(timeline, user=stan, reason="assignee")
    assert Execution.objects.visible_to(stan).get() == run
    with pytest.raises(NotAllowed):
        move_step(run.pk, 0, by=stan, to="in_progress")
    with pytest.raises(NotAllowed):
        append_events(run.pk, [NOTE], by=stan)
    assert_recorded(run, "session.created")


def test_a_person_and_a_role_are_admitted_once(run, stan):
    for _ in range(2):
        with locked_timeline(run.pk) as timeline:
            admit(timeline, user=stan, reason="assignee")
            admit(timeline, role="qa", reason="stage")
    assert ExecutionAccess.objects.filter(execution=run).count() == 2


def test_appended_events_are_stored_in_order_and_chained(run, miles):
    batch = [{"event_type": "qc.absorbance", "payload": {"n": n}} for n in range(1000)]
    rows = append_events(run.pk, batch, by=miles)
    assert [row.payload["n"] for row in rows] == list(range(1000))
    assert [row.sequence for row in events_of(run)] == list(range(1, 1002))
    assert_chain(run)


def test_an_event_keeps_when_it_happened(run, miles):
    at = "2026-03-05T10:00:00+01:00"
    (row,) = append_events(run.pk, [{**NOTE, "occurred_at": at}], by=miles)
    assert row.occurred_at.isoformat() == "2026-03-05T09:00:00+00:00"
    assert_chain(run)


def deep(levels):
    value = {}
    for _ in range(levels):
        value = {"a": value}
    return value


BAD_EVENTS = {
    "none": [],
    "too many": [NOTE] * 1001,
    "not a list": {"event_type": "note.x"},
    "not an object": ["note.x"],
    "type missing": [{"payload": {}}],
    "type of the portal": [{"event_type": "session.created", "payload": {}}],
    "remediation.execute": [{"event_type": "remediation.execute", "payload": {}}],
    "family alone": [{"event_type": "note.", "payload": {}}],
    "line feed in the type": [{"event_type": "note.x\n", "payload": {}}],
    "type too long": [{"event_type": "note." + "x" * 100, "payload": {}}],
    "type is a number": [{"event_type": 5, "payload": {}}],
    "stray member": [{**NOTE, "actor": "somebody"}],
    "surrogate in a stray member": [{**NOTE, "\ud800": 1}],
    "payload is a list": [{"event_type": "note.x", "payload": [1]}],
    "payload is null": [{"event_type": "note.x", "payload": None}],
    "NaN": [{"event_type": "note.x", "payload": {"a": float("nan")}}],
    "infinity": [{"event_type": "note.x", "payload": {"a": float("inf")}}],
    "NUL": [{"event_type": "note.x", "payload": {"a": "\x00"}}],
    "NUL in a name": [{"event_type": "note.x", "payload": {"\x00": 1}}],
    "lone surrogate": [{"event_type": "note.x", "payload": {"a": "\ud800"}}],
    "integer beyond 2^53": [{"event_type": "note.x", "payload": {"a": 2**60}}],
    "32 levels": [{"event_type": "note.x", "payload": deep(32)}],
    "900 levels": [{"event_type": "note.x", "payload": deep(900)}],
    "10 MB": [{"event_type": "note.x", "payload": {"a": "x" * 10_000_000}}],
    "batch beyond 8 MiB": [{"event_type": "note.x", "payload": {"a": "x" * 250_000}}] * 40,
    "occurred without zone": [{**NOTE, "occurred_at": "2026-01-01T00:00:00"}],
    "occurred as object": [{**NOTE, "occurred_at": {}}],
    "the last of many": [NOTE, NOTE, {"event_type": "note.x", "payload": "text"}],
}


@pytest.mark.parametrize("batch", BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_batch_is_refused_whole(run, miles, batch):
    with pytest.raises(Invalid) as caught:
        append_events(run.pk, batch, by=miles)
    assert caught.value.errors[0]["field"].startswith("events")
    caught.value.errors[0]["detail"].encode()
    assert_recorded(run, "session.created")


def test_thirty_levels_are_stored(run, miles):
    append_events(run.pk, [{"event_type": "note.x", "payload": deep(30)}], by=miles)
    assert_chain(run)


def test_nothing_is_stored_when_the_callers_part_of_the_transaction_fails(run, miles):
    def fails(rows):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        append_events(run.pk, [NOTE], by=miles, written=fails)
    assert_recorded(run, "session.created")


BAD_PARAMETERS = {
    "list": [],
    "requirements as text": {"step_requirements": "x"},
    "requirement as list": {"step_requirements": {"0": [1]}},
    "ids as numbers": {"step_requirements": {"0": {"required_inventory_ids": [1]}}},
    "approvals as text": {"required_approvals": "qa"},
    "empty approval": {"required_approvals": [" "]},
    "approval with a line feed": {"required_approvals": ["a\nb"]},
    "NaN": {"a": float("nan")},
    "too large": {"a": "x" * 70_000},
    "too deep": deep(40),
}


@pytest.mark.parametrize("parameters", BAD_PARAMETERS.values(), ids=BAD_PARAMETERS)
def test_parameters_that_do_not_fit_start_nothing(protocol, miles, parameters):
    with pytest.raises(Invalid) as caught:
        start_execution(protocol, by=miles, parameters=parameters)
    assert caught.value.errors[0]["field"].startswith("parameters")
    assert not Execution.objects.exists()
