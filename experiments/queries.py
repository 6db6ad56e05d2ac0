"""Reads that pages, API and transitions share."""

from collections import defaultdict

from django.db.models import F, Prefetch, Q

from experiments import gates
from experiments.models import Booking, Execution, ExecutionEvent, ExecutionStep

PREVIEW = 10


def runs():
    """Executions with everything a session shows, in a constant number of queries."""
    return Execution.objects.select_related("protocol__team", "run_by").prefetch_related(
        Prefetch("steps", ExecutionStep.objects.order_by("index")),
        "inventory_items",
        Prefetch("bookings", Booking.objects.select_related("resource")),
        "equipment",
        "granted_approvals",
    )


def linked(execution):
    """What the gates look at, from a run of `runs()`."""
    return gates.Linked(
        inventory={str(item.pk): gates.Item(item.name, item.status) for item in execution.inventory_items.all()},
        bookings={
            str(booking.pk): gates.Window(booking.resource.name, booking.start_time, booking.end_time)
            for booking in execution.bookings.all()
        },
        equipment={
            str(device.pk): gates.Device(device.name, device.calibration_due_at) for device in execution.equipment.all()
        },
        granted=frozenset(grant.name for grant in execution.granted_approvals.all()),
    )


def step_gate(execution, index, now, found=None):
    """The Gate of one step of a run."""
    return gates.gate(gates.requirements(execution.params, index), found or linked(execution), now)


def steps_with_gates(execution, now):
    """`(step, gate)` in order; a finished step has nothing left to block and an open gate."""
    found = linked(execution)
    return [
        (step, gates.Gate() if step.status in gates.DONE else step_gate(execution, step.index, now, found))
        for step in execution.steps.all()
    ]


def newest_events(executions):
    """The last ten events of each of these runs, oldest first, by execution id; one query."""
    previews = defaultdict(list)
    if executions:
        wanted = Q(execution__in=[execution.pk for execution in executions])
        rows = ExecutionEvent.objects.filter(wanted, sequence__gt=F("execution__event_count") - PREVIEW)
        for event in rows.select_related("actor").order_by("execution_id", "sequence"):
            previews[event.execution_id].append(event)
    return previews


def timeline(execution, event_type=""):
    """A run's events; `qc.` or `qc.*` names a whole family."""
    rows = ExecutionEvent.objects.filter(execution=execution).select_related("actor")
    kind = event_type.removesuffix("*")
    if not kind:
        return rows
    return rows.filter(event_type__startswith=kind) if kind.endswith(".") else rows.filter(event_type=kind)
