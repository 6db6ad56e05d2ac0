"""What blocks a step. Pure: plain values and the clock in, a Gate out (api.md, "Experiment console")."""

from dataclasses import dataclass, field
from datetime import datetime

from experiments.enums import ExecutionStatus, InventoryStatus, StepStatus

USABLE = frozenset({InventoryStatus.AVAILABLE, InventoryStatus.RESERVED})
DONE = frozenset({StepStatus.COMPLETED, StepStatus.SKIPPED})
REQUIREMENT_LISTS = (
    "required_inventory_ids",
    "required_booking_ids",
    "required_equipment_ids",
    "required_approvals",
    "gate_keys",
)


@dataclass(frozen=True)
class Item:
    name: str
    status: str


@dataclass(frozen=True)
class Window:
    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Device:
    name: str
    calibration_due_at: datetime | None = None


@dataclass(frozen=True)
class Linked:
    """What is linked to a run, by identifier (as text), and the approvals already granted."""

    inventory: dict = field(default_factory=dict)
    bookings: dict = field(default_factory=dict)
    equipment: dict = field(default_factory=dict)
    granted: frozenset = frozenset()


@dataclass(frozen=True)
class Gate:
    """Open when there is no reason. Actions are for people, triggers for `auto` remediation."""

    reasons: tuple = ()
    required_actions: tuple = ()
    auto_triggers: tuple = ()

    @property
    def is_open(self):
        return not self.reasons

    @property
    def blocked_reason(self):
        return " ".join(self.reasons) or None


def requirements(params, index):
    """The lists a step's requirements hold, empty where the parameters say nothing."""
    by_step = params.get("step_requirements") or {}
    if isinstance(by_step, list):
        by_step = {str(position): own for position, own in enumerate(by_step)}
    own = by_step.get(str(index)) or {}
    wanted = {name: list(dict.fromkeys(own.get(name) or ())) for name in REQUIREMENT_LISTS}
    everywhere = params.get("required_approvals") or ()
    wanted["required_approvals"] = list(dict.fromkeys([*everywhere, *wanted["required_approvals"]]))
    return wanted


def gate(wanted, linked, now):
    """The Gate of a step with these requirements at `now`."""
    found = [
        *(_inventory(key, linked.inventory.get(key.lower())) for key in wanted["required_inventory_ids"]),
        *(_booking(key, linked.bookings.get(key.lower()), now) for key in wanted["required_booking_ids"]),
        *(_equipment(key, linked.equipment.get(key.lower()), now) for key in wanted["required_equipment_ids"]),
        *(_approval(name, linked.granted) for name in wanted["required_approvals"]),
    ]
    blocked = [each for each in found if each]
    return Gate(
        reasons=tuple(reason for reason, _, _ in blocked),
        required_actions=tuple(action for _, action, _ in blocked),
        auto_triggers=tuple(trigger for _, _, trigger in blocked if trigger),
    )


def _inventory(key, item):
    if item is None:
        return f"Inventory item {key} is not linked to this run.", f"inventory:link:{key}", None
    if item.status not in USABLE:
        return f"{item.name} is {item.status}.", f"inventory:restore:{key}", f"inventory:auto_reserve:{key}"
    return None


def _booking(key, window, now):
    if window is None:
        return f"Booking {key} is missing.", f"booking:create:{key}", None
    if not window.start <= now <= window.end:
        tense = "begins" if now < window.start else "ended"
        edge = window.start if now < window.start else window.end
        return f"The booking of {window.name} {tense} {edge:%d %b %Y %H:%M} UTC.", f"booking:adjust:{key}", None
    return None


def _equipment(key, device, now):
    if device is None:
        return f"Equipment {key} is not registered on this run.", f"equipment:register:{key}", None
    due = device.calibration_due_at
    if due is not None and due < now:
        reason = f"The calibration of {device.name} was due {due:%d %b %Y %H:%M} UTC."
        return reason, f"equipment:calibrate:{key}", f"equipment:maintenance_request:{key}"
    return None


def _approval(name, granted):
    if name in granted:
        return None
    return f"The approval “{name}” has not been granted.", f"compliance:approve:{name}", None


def execution_status(step_statuses):
    """A run's status from those of its steps: none touched, all done, or in between."""
    statuses = list(step_statuses)
    if statuses and all(status in DONE for status in statuses):
        return ExecutionStatus.COMPLETED
    if any(status != StepStatus.PENDING for status in statuses):
        return ExecutionStatus.IN_PROGRESS
    return ExecutionStatus.PLANNED


def next_status(status):
    """What `advance` makes of a step: pending, in progress, completed; None where there is no next."""
    return {StepStatus.PENDING: StepStatus.IN_PROGRESS, StepStatus.IN_PROGRESS: StepStatus.COMPLETED}.get(status)
