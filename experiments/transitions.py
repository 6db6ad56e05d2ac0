"""Every write to a run: started, its steps moved, events appended, people admitted. Things: `transitions_stock`."""

from django.db import transaction

from experiments import gates, session
from experiments import input as incoming
from experiments.enums import STEP_MOVES, ExecutionStatus, StepStatus
from experiments.events import Event
from experiments.models import (
    Booking,
    Equipment,
    Execution,
    ExecutionAccess,
    ExecutionStep,
    InventoryItem,
)
from experiments.policies import check_can_run
from experiments.queries import step_gate
from experiments.remedies import carry_out, lock_named
from experiments.timeline import locked_timeline
from ledger.errors import Invalid, TransitionDenied
from portal.text import clean_text


def start_execution(
    protocol,
    *,
    by,
    title="",
    parameters=None,
    inventory_item_ids=(),
    booking_ids=(),
    equipment_ids=(),
    openings=(),
    written=None,
):
    """Start a run of a protocol: its steps, what is linked, and `session.created` as its first event.

    `openings` are registered in `experiments.session`; `written(execution)` is called inside the transaction.
    Raises Invalid for what the person does not see or does not fit; then nothing is written.
    """
    instructions = protocol.instructions
    if not instructions:
        raise Invalid.field("template_id", "This protocol has no steps.")
    title = clean_text(title or "", "title", 200, required=False) or protocol.name
    params = incoming.parameters(parameters)
    linked = {
        "inventory_items": _seen(InventoryItem.objects.visible_to(by), inventory_item_ids, "inventory_item_ids"),
        "bookings": _seen(Booking.objects.all(), booking_ids, "booking_ids"),
        "equipment": _seen(Equipment.objects.visible_to(by), equipment_ids, "equipment_ids"),
    }
    with transaction.atomic():
        execution = _create_execution(protocol, by=by, title=title, params=params)
        with locked_timeline(execution.pk) as timeline:
            _lay_out_steps(timeline.execution, instructions)
            for name, things in linked.items():
                getattr(timeline.execution, name).set(things)
            _record_created(timeline, step_count=len(instructions), by=by)
            session.open_with(openings, timeline, by=by)
        if written:
            written(timeline.execution)
    return timeline.execution


def _create_execution(protocol, *, by, title, params):
    return Execution.objects.create(
        protocol=protocol,
        protocol_name=protocol.name,
        protocol_version=protocol.version,
        title=title,
        run_by=by,
        run_by_name=by.printed_name,
        params=params,
    )


def _lay_out_steps(execution, instructions):
    ExecutionStep.objects.bulk_create(
        ExecutionStep(execution=execution, index=index, instruction=instruction)
        for index, instruction in enumerate(instructions)
    )


def _record_created(timeline, *, step_count, by):
    execution = timeline.execution
    timeline.record(
        Event.SESSION_CREATED,
        by=by,
        title=execution.title,
        protocol_id=str(execution.protocol_id),
        protocol_name=execution.protocol_name,
        protocol_version=execution.protocol_version,
        step_count=step_count,
    )


def _seen(queryset, values, field):
    wanted = incoming.identifiers(values, field)
    found = {row.pk: row for row in queryset.filter(pk__in=wanted)} if wanted else {}
    for position, pk in enumerate(wanted):
        if pk not in found:
            raise Invalid.field(f"{field}.{position}", "There is no such thing, or you may not see it.", "not_found")
    return [found[pk] for pk in wanted]


def move_step(execution_id, index, *, by, to, started_at=None, completed_at=None):
    """Move a step; the run's status follows. Answers the step.

    Raises Execution.DoesNotExist, ExecutionStep.DoesNotExist, NotAllowed, Invalid for times that do not fit, and
    TransitionDenied: `step_blocked` with what to do about it, or `conflict` when the step is already there.
    """
    if to not in StepStatus.values:
        raise Invalid.field("status", f"A step is {', '.join(StepStatus.values)}.")
    with locked_timeline(execution_id) as timeline:
        execution = timeline.execution
        check_can_run(by, execution)
        step = ExecutionStep.objects.get(execution=execution, index=index)
        return _move(timeline, step, to, by, started_at, completed_at)


def advance_step(execution_id, index, *, by):
    """Move a step to what comes next: pending, in progress, completed. Raises as `move_step`."""
    with locked_timeline(execution_id) as timeline:
        check_can_run(by, timeline.execution)
        step = ExecutionStep.objects.get(execution=timeline.execution, index=index)
        to = gates.next_status(step.status)
        if to is None:
            raise TransitionDenied(f"Step {index + 1} is already {_words(step.status)}; nothing comes after that.")
        return _move(timeline, step, to, by, None, None)


def _move(timeline, step, to, by, started_at, completed_at):
    before, to = StepStatus(step.status), StepStatus(to)
    if to not in STEP_MOVES[before]:
        detail = f"Step {step.index + 1} is already {_words(to)}."
        if before != to:
            detail = f"Step {step.index + 1} is {_words(before)} and cannot become {_words(to)}."
        raise TransitionDenied(detail)
    if to in (StepStatus.IN_PROGRESS, StepStatus.COMPLETED):
        _check_gate(timeline, step)
    _set_times(step, to, timeline.now, started_at, completed_at)
    step.status = to
    step.save(update_fields=["status", "started_at", "completed_at"])
    _derive_status(timeline)
    occurred = {StepStatus.IN_PROGRESS: started_at, StepStatus.COMPLETED: completed_at}.get(to)
    timeline.record(
        Event.STEP_TRANSITION,
        by=by,
        occurred_at=incoming.moment(occurred, "occurred_at"),
        payload={"index": step.index, "instruction": step.instruction, "from": before.value, "to": to.value},
    )
    return step


def _check_gate(timeline, step):
    gate = step_gate(timeline.execution, step.index, timeline.now)
    if not gate.is_open:
        raise TransitionDenied(
            f"Step {step.index + 1} is blocked. {gate.blocked_reason}",
            code="step_blocked",
            details={
                "blocked_reason": gate.blocked_reason,
                "required_actions": list(gate.required_actions),
                "auto_triggers": list(gate.auto_triggers),
            },
        )


def _set_times(step, to, now, started_at, completed_at):
    started = incoming.past_moment(started_at, "started_at", now)
    completed = incoming.past_moment(completed_at, "completed_at", now)
    if completed and to not in gates.DONE:
        raise Invalid.field("completed_at", f"A step that is {_words(to)} has no time of completion.")
    if started and to == StepStatus.PENDING:
        raise Invalid.field("started_at", "A pending step has no start.")
    if to == StepStatus.PENDING:
        step.started_at = step.completed_at = None
    elif to == StepStatus.IN_PROGRESS:
        step.started_at, step.completed_at = started or now, None
    else:
        begun = started or step.started_at
        if begun is None and to == StepStatus.COMPLETED:
            begun = completed or now
        step.started_at, step.completed_at = begun, completed or now
    if step.started_at and step.completed_at and step.completed_at < step.started_at:
        raise Invalid.field("completed_at", "A step cannot be completed before it was started.")


def _derive_status(timeline):
    execution = timeline.execution
    statuses = ExecutionStep.objects.filter(execution=execution).values_list("status", flat=True)
    status = gates.execution_status(statuses)
    if status != ExecutionStatus(execution.status):
        execution.status = status
        execution.save(update_fields=["status"])


def append_events(execution_id, events, *, by, written=None):
    """Append 1 to 1,000 events of the open families; answers the stored rows, oldest first.

    `events` is the request's list (api.md). Everything is checked before the lock. Raises Execution.DoesNotExist,
    NotAllowed, and Invalid whose fields name the place in the list. `written(rows)` is called inside the transaction.
    """
    batch = incoming.events(events)
    with locked_timeline(execution_id) as timeline:
        check_can_run(by, timeline.execution)
        rows = [
            timeline.record(kind, by=by, occurred_at=occurred_at, payload=payload)
            for kind, payload, occurred_at in batch
        ]
        if written:
            written(rows)
    return rows


def admit(timeline, *, reason, user=None, role=None):
    """Let a person, or the holders of a role, see the run; once, whatever the reasons. Under the run's lock."""
    whom = {"user": user} if user is not None else {"role": role}
    access, _ = ExecutionAccess.objects.get_or_create(
        execution=timeline.execution, **whom, defaults={"reason": reason[:60], "created_at": timeline.now}
    )
    return access


def remediate_step(execution_id, index, *, by, actions=(), auto=False):
    """Carry out remedies of a blocked step; answers `[{action, status, message}]` and records them as one event.

    `auto` adds the step's own triggers. An action that cannot be carried out is `failed` or `skipped` with its
    reason and the others go on. Raises Execution.DoesNotExist, ExecutionStep.DoesNotExist, NotAllowed, Invalid.
    """
    wanted = incoming.actions(actions)
    if not isinstance(auto, bool):
        raise Invalid.field("auto", "Say true or false.")
    if not wanted and not auto:
        raise Invalid.field("actions", "Name an action, or set auto.")
    with locked_timeline(execution_id) as timeline:
        execution = timeline.execution
        ExecutionStep.objects.get(execution=execution, index=index)
        gate = step_gate(execution, index, timeline.now)
        if auto:
            wanted = list(dict.fromkeys([*wanted, *gate.auto_triggers]))
        if not all(action.startswith("compliance:approve:") for action in wanted) or not wanted:
            check_can_run(by, execution)
        known = {*gate.required_actions, *gate.auto_triggers}
        lock_named([action for action in wanted if action in known], by=by)
        results = [carry_out(action, timeline, known, by=by) for action in wanted]
        timeline.record(Event.REMEDIATION_EXECUTE, by=by, index=index, auto=auto, results=results)
    return results


def _words(status):
    return StepStatus(status).label.lower()
