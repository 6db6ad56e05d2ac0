"""What comes from outside, checked before anything is locked. Each function raises Invalid naming the field."""

import re
import uuid
from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_datetime

from experiments.events import OPEN_FAMILIES, Event, is_open
from experiments.gates import REQUIREMENT_LISTS
from ledger.canonical import canonical_text, longer_than, plain
from ledger.errors import Invalid

MAX_EVENTS = 1000
MAX_PAYLOAD = 256 * 1024
MAX_BATCH = 8 * 1024 * 1024
MAX_PARAMETERS = 64 * 1024
MAX_LINKS = 200
MAX_STEPS = 500
MAX_ACTIONS = 100
CLOCK_SKEW = timedelta(minutes=5)
EVENT_TYPE = re.compile(r"[a-z]+(\.[A-Za-z0-9_-]+)+", re.ASCII)
SURROGATE = re.compile("[\ud800-\udfff]")


def moment(value, field):
    """An aware datetime from a datetime or RFC 3339 text; None stays None."""
    if value is None or value == "":
        return None
    try:
        parsed = value if isinstance(value, datetime) else parse_datetime(value)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None:
        raise Invalid.field(field, "Give a time such as 2026-11-25T08:00:00Z.")
    if parsed.tzinfo is None:
        raise Invalid.field(field, "Give the time with its zone, for example a Z at the end.")
    if not 1900 <= parsed.year <= 9998:
        raise Invalid.field(field, "The year must lie between 1900 and 9998.")
    return parsed.astimezone(UTC)


def past_moment(value, field, now):
    """As `moment`, and not in the future beyond five minutes of clock skew."""
    at = moment(value, field)
    if at is not None and at > now + CLOCK_SKEW:
        raise Invalid.field(field, "This time lies in the future.")
    return at


def identifiers(values, field):
    """Distinct UUIDs in the order given."""
    if values is None:
        return []
    if not isinstance(values, (list, tuple)):
        raise Invalid.field(field, "Give a list of identifiers.")
    if len(values) > MAX_LINKS:
        raise Invalid.field(field, f"At most {MAX_LINKS} can be linked.", "too_many")
    found = {}
    for position, value in enumerate(values):
        try:
            found[value if isinstance(value, uuid.UUID) else uuid.UUID(value)] = True
        except (AttributeError, TypeError, ValueError):
            raise Invalid.field(f"{field}.{position}", "This is no identifier.") from None
    return list(found)


def parameters(value):
    """A run's parameters: an object of 64 KiB at most with well-formed requirements."""
    if value is None:
        return {}
    cleaned, _ = json_object(value, "parameters", MAX_PARAMETERS)
    _names(cleaned.get("required_approvals"), "parameters.required_approvals")
    by_step = cleaned.get("step_requirements")
    if by_step is None:
        return cleaned
    if isinstance(by_step, dict):
        numbered = by_step.items()
    elif isinstance(by_step, list):
        numbered = enumerate(by_step)
    else:
        raise Invalid.field("parameters.step_requirements", "Give an object keyed by step index.")
    for key, wanted in numbered:
        _requirements(wanted, f"parameters.step_requirements.{key}")
    return cleaned


def _requirements(wanted, field):
    if wanted is not None and not isinstance(wanted, dict):
        raise Invalid.field(field, "Give an object.")
    for name in REQUIREMENT_LISTS:
        _names((wanted or {}).get(name), f"{field}.{name}")


def _names(values, field):
    if values is None:
        return
    if not isinstance(values, list) or len(values) > MAX_LINKS:
        raise Invalid.field(field, f"Give a list of at most {MAX_LINKS} names.")
    for value in values:
        if not isinstance(value, str) or not 0 < len(value.strip()) <= 100 or not value.isprintable():
            raise Invalid.field(field, "Each must be a text of 1 to 100 printable characters.")


def json_object(value, field, limit, depth=0):
    """A JSON object made of plain values, and its size as canonical text in bytes."""
    if not isinstance(value, dict):
        raise Invalid.field(field, "Give a JSON object.", "not_an_object")
    if longer_than(value, limit):
        raise Invalid.field(field, f"At most {limit // 1024} KiB fit here; this has more.", "too_large")
    try:
        cleaned = plain(value, depth)
        size = len(canonical_text(cleaned).encode())
    except Invalid as refusal:
        raise Invalid.field(field, refusal.sentence, refusal.code) from refusal
    if size > limit:
        raise Invalid.field(field, f"At most {limit // 1024} KiB fit here; this has {size // 1024}.", "too_large")
    return cleaned, size


def events(values):
    """A batch as `(event_type, payload, occurred_at)` tuples: 1 to 1,000, only of the open families."""
    if not isinstance(values, (list, tuple)) or not 1 <= len(values) <= MAX_EVENTS:
        raise Invalid.field("events", f"Send a list of 1 to {MAX_EVENTS:,} events.", "wrong_number")
    batch, total = [], 0
    for position, value in enumerate(values):
        entry, size = _event(value, f"events.{position}")
        total += size
        if total > MAX_BATCH:
            raise Invalid.field("events", f"A batch holds {MAX_BATCH // 1024**2} MiB at most.", "too_large")
        batch.append(entry)
    return batch


def _event(value, field):
    if not isinstance(value, dict):
        raise Invalid.field(field, "An event is an object.", "not_an_object")
    stray = sorted(str(name) for name in set(value) - {"event_type", "payload", "occurred_at"})
    if stray:
        name = SURROGATE.sub("?", stray[0])[:60]
        raise Invalid.field(field, f"An event has no member “{name}”.", "unknown_member")
    kind = event_type(value.get("event_type"), f"{field}.event_type")
    # The payload sits one level deep in the sealed text.
    payload, size = json_object(value.get("payload", {}), f"{field}.payload", MAX_PAYLOAD, depth=1)
    return (kind, payload, moment(value.get("occurred_at"), f"{field}.occurred_at")), size


def event_type(value, field):
    """The name of an event that API clients may append."""
    if not isinstance(value, str) or len(value) > 100 or not EVENT_TYPE.fullmatch(value):
        raise Invalid.field(field, "An event type is like qc.absorbance, 100 characters at most.")
    if not is_open(value):
        families = ", ".join(f"{name}*" for name in OPEN_FAMILIES)
        own = f" {Event.REMEDIATION_EXECUTE} is the portal's own." if value == Event.REMEDIATION_EXECUTE else ""
        raise Invalid.field(field, f"Only {families} can be appended.{own}", "reserved_event_type")
    return value


def actions(values):
    """The remedies asked for, each `noun:verb:what`, distinct, in the order given."""
    if values is None:
        return []
    if not isinstance(values, (list, tuple)) or len(values) > MAX_ACTIONS:
        raise Invalid.field("actions", f"Give a list of at most {MAX_ACTIONS} actions.")
    for position, value in enumerate(values):
        if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
            raise Invalid.field(f"actions.{position}", "An action is a text such as inventory:link:<id>.")
    return list(dict.fromkeys(values))
