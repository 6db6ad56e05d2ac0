"""Frozen values: what a ladder is made from, before it runs."""

import re
from dataclasses import dataclass, field, fields

from governance.stage_rules import MAX_HOURS, rule_faults, whole_hours
from ledger.canonical import canonical_text, plain, sha256_text
from ledger.errors import Invalid

ROLE = re.compile(r"[a-z][a-z0-9_]{0,49}\Z")
MAX_STAGES = 200
MAX_SLA_HOURS = MAX_HOURS
DEFAULT_ROLE = "approver"
STAGE_KEYS = {"name", "required_role", "assignee_id", "delegate_id", "sla_hours", "metadata"}


@dataclass(frozen=True)
class StageBlueprint:
    """One stage. Ids are strings; `sla_hours` is in hours or None for no deadline."""

    name: str
    required_role: str
    sla_hours: int | None = None
    assignee_id: str | None = None
    delegate_id: str | None = None
    stage_step_indexes: tuple = ()
    stage_gate_keys: tuple = ()
    metadata: dict = field(default_factory=dict)

    def members(self):
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


@dataclass(frozen=True)
class LadderBlueprint:
    """A ladder as it will run. `source`: `default`, `ad_hoc` or `snapshot` (then the snapshot fields are set)."""

    stages: tuple
    name: str = "Approval"
    source: str = "default"
    snapshot_id: str | None = None
    template_id: str | None = None
    template_key: str | None = None
    template_version: int | None = None

    def members(self):
        return {
            "schema": "biolabs-ladder/1",
            "name": self.name,
            "source": self.source,
            "snapshot_id": self.snapshot_id,
            "template_id": self.template_id,
            "template_key": self.template_key,
            "template_version": self.template_version,
            "stages": [stage.members() for stage in self.stages],
        }

    def text(self):
        return canonical_text(self.members())

    def digest(self):
        return sha256_text(self.text())


DEFAULT_LADDER = LadderBlueprint(stages=(StageBlueprint(name="Approval", required_role=DEFAULT_ROLE),))


def ad_hoc_ladder(stages, *, field="approval_stages"):
    """A ladder from a request's `approval_stages`. Raises Invalid naming every wrong stage and field.

    Who the ids name, and whether they hold the role, is for approvals to check.
    """
    if not isinstance(stages, list) or not stages:
        raise Invalid.field(field, "Give at least one approval stage.", "required")
    if len(stages) > MAX_STAGES:
        raise Invalid.field(field, f"A ladder has {MAX_STAGES} stages at most.", "too_many")
    errors, parsed = [], []
    for number, entry in enumerate(stages):
        stage, faults = _stage(entry, number, field)
        errors += faults
        parsed.append(stage)
    if errors:
        raise Invalid(errors[0]["detail"], errors=errors)
    return LadderBlueprint(stages=tuple(parsed), name="Ad-hoc ladder", source="ad_hoc")


def _stage(entry, number, prefix):
    where = f"{prefix}.{number}"
    faults = [
        {"field": f"{where}.{key}" if key else where, "code": code, "detail": f"Stage {number + 1}: {detail}"}
        for key, code, detail in (
            _faults(entry) if isinstance(entry, dict) else [("", "invalid", "must be an object.")]
        )
    ]
    if faults:
        return None, faults
    stage = StageBlueprint(
        name=(entry.get("name") or f"Stage {number + 1}").strip(),
        required_role=entry["required_role"],
        sla_hours=entry.get("sla_hours"),
        assignee_id=entry.get("assignee_id") or None,
        delegate_id=entry.get("delegate_id") or None,
        metadata=plain(entry.get("metadata") or {}),
    )
    return stage, faults


def _faults(entry):
    for key in sorted(set(map(str, entry)) - STAGE_KEYS):
        yield key[:60], "unknown_field", "is not a field of a stage."
    role = entry.get("required_role")
    if not is_role(role):
        code = "required" if role is None else "invalid"
        yield "required_role", code, "needs a role: lower-case letters, digits and _."
    if entry.get("sla_hours") is not None and not whole_hours(entry["sla_hours"]):
        yield "sla_hours", "invalid", f"the time limit is 1 to {MAX_SLA_HOURS:,} whole hours."
    if not is_line(entry.get("name") or "-", 200):
        yield "name", "invalid", "the name is one line of 200 characters at most."
    yield from _metadata_faults(entry.get("metadata") or {})
    for key in ("assignee_id", "delegate_id"):
        if entry.get(key) is not None and not isinstance(entry[key], str):
            yield key, "invalid", "must be a user's id."


def _metadata_faults(metadata):
    if not isinstance(metadata, dict):
        yield "metadata", "invalid", "must be an object."
        return
    for member, sentence in rule_faults(metadata):
        yield "metadata", f"invalid_{member}", sentence


def is_role(value):
    return isinstance(value, str) and bool(ROLE.match(value))


def is_line(value, most):
    """Whether it is a text of one line, of 1 to `most` characters."""
    return isinstance(value, str) and 0 < len(value.strip()) <= most and value.isprintable()
