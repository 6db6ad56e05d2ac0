"""What each remedy of a gate does, under the run's lock. Answers `{action, status, message}`."""

import contextlib
import uuid

from accounts.notify import notify, operators
from experiments.enums import InventoryStatus
from experiments.gates import USABLE
from experiments.models import Booking, Equipment, GrantedApproval, InventoryItem, Resource
from experiments.policies import check_can_change_stock, check_can_grant_approval
from experiments.transitions_stock import overlapping, set_item_status
from ledger.errors import Refusal

NOT_THERE = "There is no such thing, or you may not see it."


def lock_named(actions, *, by):
    """Lock what the remedies name, the rows of each kind in one order, whatever order they are named in.

    Two runs may name the same rows; taken as they come, each would wait for what the other holds.
    """
    named = {}
    for action in actions:
        noun, _, target = action.split(":", 2)
        with contextlib.suppress(ValueError):
            named.setdefault(noun, set()).add(uuid.UUID(target))
    # A resource's row is the lock of its calendar: moving a booking needs it.
    _lock(Resource.objects.filter(pk__in=Booking.objects.filter(pk__in=named.get("booking", ())).values("resource")))
    _lock(Booking.objects.filter(pk__in=named.get("booking", ())))
    _lock(Equipment.objects.visible_to(by).filter(pk__in=named.get("equipment", ())))
    _lock(InventoryItem.objects.visible_to(by).filter(pk__in=named.get("inventory", ())))


def _lock(rows):
    # The key stays free: a run that only links the row does not wait, and is not waited for.
    list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk"))


def carry_out(action, timeline, known, *, by):
    """One remedy; what it names is locked. What the gate does not ask for is skipped; a refusal makes it failed."""
    noun, _, rest = action.partition(":")
    verb, _, target = rest.partition(":")
    remedy = REMEDIES.get((noun, verb))
    if remedy is None:
        return _result(action, "failed", "There is no such remedy.")
    if action not in known:
        return _result(action, "skipped", "The step does not ask for this now.")
    try:
        status, message = remedy(timeline, target, by)
    except Refusal as refusal:
        status, message = "failed", refusal.sentence
    return _result(action, status, message)


def _result(action, status, message):
    return {"action": action, "status": status, "message": message}


def _find(queryset, target):
    """The row a target names; None for malformed, unknown and foreign identifiers alike."""
    try:
        pk = uuid.UUID(target)
    except ValueError:
        return None
    return queryset.filter(pk=pk).first()


def _link_item(timeline, target, by):
    item = _find(InventoryItem.objects.visible_to(by), target)
    if item is None:
        return "failed", NOT_THERE
    timeline.execution.inventory_items.add(item)
    return "executed", f"{item.name} is linked."


def _restore_item(timeline, target, by):
    item = _find(InventoryItem.objects.visible_to(by), target)
    if item is None:
        return "failed", NOT_THERE
    check_can_change_stock(by, item)
    before = item.status
    set_item_status(item, InventoryStatus.AVAILABLE, now=timeline.now)
    return "executed", f"{item.name} was {before} and is available."


def _reserve_item(timeline, target, by):
    item = _find(InventoryItem.objects.visible_to(by), target)
    if item is None:
        return "failed", NOT_THERE
    check_can_change_stock(by, item)
    if item.status in USABLE:
        return "skipped", f"{item.name} is {item.status}."
    # A quarantine is lifted by a person who says so, never by a trigger.
    if item.status == InventoryStatus.QUARANTINED:
        return "failed", f"{item.name} is quarantined; a person has to restore it."
    set_item_status(item, InventoryStatus.RESERVED, now=timeline.now)
    return "executed", f"{item.name} is reserved."


def _link_booking(timeline, target, by):
    booking = _find(Booking.objects.select_related("resource"), target)
    if booking is None:
        return "failed", "There is no such booking. Make one in the schedule and name it in the step's requirements."
    timeline.execution.bookings.add(booking)
    return "executed", f"The booking of {booking.resource.name} is linked."


def _adjust_booking(timeline, target, by):
    booking = _find(Booking.objects.select_related("resource"), target)
    if booking is None:
        return "failed", NOT_THERE
    if booking.booked_by_id not in (by.pk, timeline.execution.run_by_id) and not by.is_admin:
        return "failed", "Only who booked it may move this booking."
    resource = booking.resource
    start, end = timeline.now, timeline.now + (booking.end_time - booking.start_time)
    other = overlapping(resource, start, end).exclude(pk=booking.pk).first()
    if other:
        return "failed", f"{resource.name} is booked until {other.end_time:%d %b %Y %H:%M} UTC."
    booking.start_time, booking.end_time = start, end
    booking.save(update_fields=["start_time", "end_time"])
    return "executed", f"{resource.name} is booked from now until {end:%d %b %Y %H:%M} UTC."


def _register_device(timeline, target, by):
    device = _find(Equipment.objects.visible_to(by), target)
    if device is None:
        return "failed", NOT_THERE
    timeline.execution.equipment.add(device)
    return "executed", f"{device.name} is registered on this run."


def _ask_for(what, kind):
    def ask(timeline, target, by):
        device = _find(Equipment.objects.visible_to(by), target)
        if device is None:
            return "failed", NOT_THERE
        execution = timeline.execution
        notify(
            operators(),
            kind=kind,
            title=f"{device.name}: {what} wanted"[:200],
            body=f"Asked by {by.printed_name} for the run {execution.title}.",
            url=f"/executions/{execution.pk}/",
        )
        return "scheduled", f"The operators were asked: {what} of {device.name}."

    return ask


def _grant_approval(timeline, name, by):
    check_can_grant_approval(by, timeline.execution, name, now=timeline.now)
    GrantedApproval.objects.create(
        execution=timeline.execution,
        name=name,
        granted_by=by,
        granted_by_name=by.printed_name,
        granted_at=timeline.now,
    )
    return "executed", f"{by.printed_name} granted “{name}”."


REMEDIES = {
    ("inventory", "link"): _link_item,
    ("inventory", "restore"): _restore_item,
    ("inventory", "auto_reserve"): _reserve_item,
    ("booking", "create"): _link_booking,
    ("booking", "adjust"): _adjust_booking,
    ("equipment", "register"): _register_device,
    ("equipment", "calibrate"): _ask_for("calibration", "equipment.calibration"),
    ("equipment", "maintenance_request"): _ask_for("maintenance", "equipment.maintenance"),
    ("compliance", "approve"): _grant_approval,
}
