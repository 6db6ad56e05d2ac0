"""Every write to what runs need: protocols, inventory, equipment, resources and bookings."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Team
from experiments import input as incoming
from experiments.enums import InventoryStatus
from experiments.models import Booking, Equipment, InventoryItem, Protocol, Resource
from experiments.policies import check_can_change_protocol, check_can_change_stock
from ledger.errors import Invalid, TransitionDenied
from portal.text import clean_text

MAX_CONTENT = 200_000
UNSET = object()


def create_protocol(*, by, name, content, version="1", team_id=None, variables=None):
    """A protocol; each non-empty line of `content` is a step. Raises Invalid."""
    protocol = Protocol(created_by=by)
    _fill_protocol(protocol, by, name=name, content=content, version=version, team_id=team_id, variables=variables)
    protocol.save(force_insert=True)
    return protocol


def change_protocol(protocol_id, *, by, expected_updated_at=None, **changes):
    """Change name, content, version, team_id or variables; runs keep the steps they started with.

    Raises Protocol.DoesNotExist, NotAllowed, Invalid, and TransitionDenied `stale` when somebody saved meanwhile.
    """
    with transaction.atomic():
        protocol = Protocol.objects.select_for_update(no_key=True).get(pk=protocol_id)
        check_can_change_protocol(by, protocol)
        if expected_updated_at is not None and expected_updated_at != protocol.updated_at:
            raise TransitionDenied("Somebody else changed this protocol meanwhile. Load it again.", code="stale")
        _fill_protocol(protocol, by, **changes)
        protocol.updated_at = timezone.now()
        protocol.save()
    return protocol


def _fill_protocol(protocol, by, *, name=UNSET, content=UNSET, version=UNSET, team_id=UNSET, variables=UNSET):
    if name is not UNSET:
        protocol.name = _line(name, "name", 200)
    if content is not UNSET:
        protocol.content = clean_text(content, "content", MAX_CONTENT)
        if len(protocol.instructions) > incoming.MAX_STEPS:
            raise Invalid.field("content", f"A protocol has {incoming.MAX_STEPS} steps at most.", "too_many")
    if version is not UNSET:
        protocol.version = _line(version, "version", 30)
    if team_id is not UNSET:
        protocol.team = _own_team(by, team_id)
    if variables is not UNSET:
        given = {} if variables is None else variables
        protocol.variables, _ = incoming.json_object(given, "variables", incoming.MAX_PARAMETERS)


def create_item(*, by, item_type, name, status=InventoryStatus.AVAILABLE, team_id=None):
    """An inventory item. Raises Invalid."""
    item = InventoryItem(
        item_type=_line(item_type, "item_type", 60), name=_line(name, "name", 200), team=_own_team(by, team_id)
    )
    item.status = _item_status(status)
    item.save(force_insert=True)
    return item


def change_item(item_id, *, by, **changes):
    """Change item_type, name, status or team_id. Raises InventoryItem.DoesNotExist, NotAllowed, Invalid."""
    with transaction.atomic():
        item = InventoryItem.objects.select_for_update(no_key=True).get(pk=item_id)
        check_can_change_stock(by, item)
        if "item_type" in changes:
            item.item_type = _line(changes["item_type"], "item_type", 60)
        if "name" in changes:
            item.name = _line(changes["name"], "name", 200)
        if "team_id" in changes:
            item.team = _own_team(by, changes["team_id"])
        if "status" in changes:
            item.status = _item_status(changes["status"])
        item.updated_at = timezone.now()
        item.save()
    return item


def set_item_status(item, status, *, now):
    """For a caller that holds the item's row."""
    item.status = status
    item.updated_at = now
    item.save(update_fields=["status", "updated_at"])


def create_equipment(*, by, name, team_id=None, calibration_due_at=None):
    """A device. Raises Invalid."""
    return Equipment.objects.create(
        name=_line(name, "name", 200),
        team=_own_team(by, team_id),
        calibration_due_at=incoming.moment(calibration_due_at, "calibration_due_at"),
    )


def change_equipment(device_id, *, by, **changes):
    """Change name, team_id or calibration_due_at. Raises Equipment.DoesNotExist, NotAllowed, Invalid."""
    with transaction.atomic():
        device = Equipment.objects.select_for_update(no_key=True).get(pk=device_id)
        check_can_change_stock(by, device)
        if "name" in changes:
            device.name = _line(changes["name"], "name", 200)
        if "team_id" in changes:
            device.team = _own_team(by, changes["team_id"])
        if "calibration_due_at" in changes:
            device.calibration_due_at = incoming.moment(changes["calibration_due_at"], "calibration_due_at")
        device.save()
    return device


def create_resource(*, by, name):
    """Something to book; its name is unique. Raises Invalid."""
    name = _line(name, "name", 200)
    try:
        with transaction.atomic():
            return Resource.objects.create(name=name)
    except IntegrityError:
        raise Invalid.field("name", "There is a resource of this name already.", "unique") from None


def create_booking(*, by, resource_id, start_time, end_time):
    """Book a resource. Raises Invalid, and TransitionDenied `already_booked` when the windows overlap."""
    start, end = _window(start_time, end_time)
    (pk,) = incoming.identifiers([resource_id], "resource_id")
    with transaction.atomic():
        # The resource's row is the lock of its calendar: two people would otherwise book the same hour.
        resource = Resource.objects.select_for_update(no_key=True).filter(pk=pk).first()
        if resource is None:
            raise Invalid.field("resource_id", "There is no such resource.", "not_found")
        other = overlapping(resource, start, end).first()
        if other:
            until = f"{other.start_time:%d %b %Y %H:%M} to {other.end_time:%d %b %Y %H:%M} UTC"
            raise TransitionDenied(f"{resource.name} is booked from {until}.", code="already_booked")
        return Booking.objects.create(resource=resource, start_time=start, end_time=end, booked_by=by)


def overlapping(resource, start, end):
    """Bookings of a resource that share a moment with `[start, end)`."""
    return Booking.objects.filter(resource=resource, start_time__lt=end, end_time__gt=start)


def _window(start_time, end_time):
    start, end = incoming.moment(start_time, "start_time"), incoming.moment(end_time, "end_time")
    for at, field in ((start, "start_time"), (end, "end_time")):
        if at is None:
            raise Invalid.field(field, "This may not be empty.", "blank")
    if end <= start:
        raise Invalid.field("end_time", "A booking ends after it starts.")
    return start, end


def _line(value, field, max_length):
    text = clean_text(value, field, max_length)
    if "\n" in text:
        raise Invalid.field(field, "This must fit on one line.")
    return text


def _item_status(value):
    if not isinstance(value, str) or value not in InventoryStatus.values:
        raise Invalid.field("status", f"An item is {', '.join(InventoryStatus.values)}.", "invalid_choice")
    return InventoryStatus(value)


def _own_team(by, team_id):
    """A team the person belongs to, or None; foreign and unknown ones are refused alike."""
    if team_id is None or team_id == "":
        return None
    (pk,) = incoming.identifiers([team_id], "team_id")
    team = Team.objects.visible_to(by).filter(pk=pk).first()
    if team is None:
        raise Invalid.field("team_id", "There is no such team, or you are not in it.", "not_found")
    return team
