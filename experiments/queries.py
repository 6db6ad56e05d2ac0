"""Reads that pages, API and transitions share."""

import uuid
from collections import defaultdict

from django.db.models import Count, F, Prefetch, Q

from experiments import gates
from experiments.models import Booking, Equipment, Execution, ExecutionEvent, ExecutionStep, InventoryItem, Protocol

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


def executions_matching(user, *, text="", status="", team=None, mine=False):
    """What the list of runs shows a person."""
    rows = Execution.objects.visible_to(user).select_related("protocol__team", "run_by")
    if text:
        rows = rows.filter(
            Q(title__icontains=text) | Q(protocol_name__icontains=text) | Q(run_by_name__icontains=text) | _by_id(text)
        )
    if status:
        rows = rows.filter(status=status)
    if team is not None:
        rows = rows.filter(protocol__team=team)
    return rows.filter(run_by=user) if mine else rows


def _by_id(text):
    try:
        return Q(pk=uuid.UUID(text))
    except ValueError:
        return Q(pk__in=[])


def step_counts(executions):
    """`(finished, all)` steps of each of these runs by execution id; one query."""
    rows = ExecutionStep.objects.filter(execution__in=[execution.pk for execution in executions]).order_by()
    done = Count("pk", filter=Q(status__in=gates.DONE))
    counted = rows.values("execution_id").annotate(done=done, all=Count("pk"))
    return {row["execution_id"]: (row["done"], row["all"]) for row in counted}


def protocols_matching(user, text=""):
    rows = Protocol.objects.visible_to(user).select_related("team")
    return rows.filter(Q(name__icontains=text) | Q(team__name__icontains=text)) if text else rows


def items_matching(user, *, text="", status="", team=""):
    """The inventory a person sees."""
    rows = InventoryItem.objects.visible_to(user).select_related("team")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(item_type__icontains=text) | _by_id(text))
    if status:
        rows = rows.filter(status=status)
    return rows.filter(team=team) if team else rows


def devices_matching(user, *, now, soon, text="", calibration="", team=""):
    """The devices a person sees; `soon` is how far ahead a calibration counts as due soon."""
    rows = Equipment.objects.visible_to(user).select_related("team")
    if text:
        rows = rows.filter(Q(name__icontains=text) | _by_id(text))
    if calibration == "overdue":
        rows = rows.filter(calibration_due_at__lt=now)
    elif calibration == "soon":
        rows = rows.filter(calibration_due_at__gte=now, calibration_due_at__lt=now + soon)
    elif calibration == "none":
        rows = rows.filter(calibration_due_at__isnull=True)
    return rows.filter(team=team) if team else rows


def bookings_matching(user, *, now, text="", when="", mine=""):
    """Bookings: those that go on or come, those of this moment (`now`), those that are over (`past`)."""
    rows = Booking.objects.select_related("resource", "booked_by")
    if text:
        rows = rows.filter(Q(resource__name__icontains=text) | Q(booked_by__full_name__icontains=text) | _by_id(text))
    rows = rows.filter(end_time__lt=now) if when == "past" else rows.filter(end_time__gte=now)
    if when == "now":
        rows = rows.filter(start_time__lte=now)
    return rows.filter(booked_by=user) if mine else rows
