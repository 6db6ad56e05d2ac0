"""Every event name and the keys its payload must have. Golden files in `tests/golden/` pin the payloads."""

OPEN_FAMILIES = ("note.", "instrument.", "qc.", "analytics.", "remediation.")
"""What API clients may append themselves; everything else is the portal's own."""


class Event:
    """Names of the portal's own events (api.md, "Timeline event types")."""

    SESSION_CREATED = "session.created"
    STEP_TRANSITION = "step.transition"
    REMEDIATION_EXECUTE = "remediation.execute"
    EXPORT_CREATED = "narrative_export.created"
    STAGE_STARTED = "narrative_export.approval.stage_started"
    STAGE_COMPLETED = "narrative_export.approval.stage_completed"
    LADDER_FINALIZED = "narrative_export.approval.finalized"
    LADDER_REJECTED = "narrative_export.approval.rejected"
    STAGE_DELEGATED = "narrative_export.approval.delegated"
    STAGE_RESET = "narrative_export.approval.stage_reset"
    STAGE_CLAIMED = "narrative_export.approval.stage_claimed"
    STAGE_RELEASED = "narrative_export.approval.stage_released"
    STAGE_OVERDUE = "narrative_export.approval.stage_overdue"
    STAGE_ESCALATED = "narrative_export.approval.stage_escalated"
    PACKAGE_QUEUED = "narrative_export.packaging.queued"
    PACKAGE_STARTED = "narrative_export.packaging.started"
    PACKAGE_RETRYING = "narrative_export.packaging.retrying"
    PACKAGE_READY = "narrative_export.packaging.ready"
    PACKAGE_FAILED = "narrative_export.packaging.failed"
    PACKAGE_EXPIRED = "narrative_export.packaging.expired"
    PACKAGE_INTEGRITY_FAILED = "narrative_export.packaging.integrity_failed"
    LEGAL_HOLD_SET = "narrative_export.legal_hold.set"
    LEGAL_HOLD_RELEASED = "narrative_export.legal_hold.released"


_EXPORT = frozenset({"export_id", "version"})
_STAGE = frozenset({"export_id", "version", "stage_id", "sequence_index", "stage_name", "required_role", "cycle"})
_PACKAGE = frozenset({"export_id", "version", "cycle"})

PAYLOAD_KEYS = {
    Event.SESSION_CREATED: frozenset({"title", "protocol_id", "protocol_name", "protocol_version", "step_count"}),
    Event.STEP_TRANSITION: frozenset({"index", "instruction", "from", "to"}),
    Event.REMEDIATION_EXECUTE: frozenset({"index", "auto", "results"}),
    Event.EXPORT_CREATED: _EXPORT | {"content_digest", "event_count", "attachment_count", "stage_count", "notes"},
    Event.STAGE_STARTED: _STAGE | {"assignee", "due_at"},
    Event.STAGE_COMPLETED: _STAGE | {"signer", "acting_as", "meaning", "notes", "signature_digest", "content_digest"},
    Event.LADDER_FINALIZED: _EXPORT | {"cycle", "stage_count", "content_digest"},
    Event.LADDER_REJECTED: _STAGE | {"signer", "acting_as", "meaning", "notes", "signature_digest", "content_digest"},
    Event.STAGE_DELEGATED: _STAGE | {"delegate", "delegated_by", "notes", "due_at"},
    Event.STAGE_RESET: _STAGE | {"reset_by", "notes", "due_at", "from_status"},
    Event.STAGE_CLAIMED: _STAGE | {"claimed_by", "taken_from"},
    Event.STAGE_RELEASED: _STAGE | {"claimed_by", "released_by"},
    Event.STAGE_OVERDUE: _STAGE | {"due_at"},
    Event.STAGE_ESCALATED: _STAGE | {"due_at", "rung", "escalated_to", "notes"},
    Event.PACKAGE_QUEUED: _PACKAGE,
    Event.PACKAGE_STARTED: _PACKAGE | {"attempt"},
    Event.PACKAGE_RETRYING: _PACKAGE | {"attempt", "reason", "next_attempt_at"},
    Event.PACKAGE_READY: _PACKAGE | {"attempt", "checksum", "manifest_digest", "size", "file_count"},
    Event.PACKAGE_FAILED: _PACKAGE | {"attempt", "reason"},
    Event.PACKAGE_EXPIRED: _PACKAGE | {"checksum", "retention_expired_at"},
    Event.PACKAGE_INTEGRITY_FAILED: _PACKAGE | {"expected", "found"},
    Event.LEGAL_HOLD_SET: _EXPORT | {"reason"},
    Event.LEGAL_HOLD_RELEASED: _EXPORT | {"reason"},
}


def is_open(event_type):
    """Whether API clients may append this type themselves."""
    return event_type.startswith(OPEN_FAMILIES) and event_type != Event.REMEDIATION_EXECUTE


def check_payload(event_type, payload):
    """Raises ValueError when one of the portal's own events lacks a key or has a stray one."""
    wanted = PAYLOAD_KEYS.get(event_type)
    if wanted is None:
        if not is_open(event_type):
            raise ValueError(f"{event_type} is not a known event")
    elif set(payload) != wanted:
        raise ValueError(f"{event_type}: payload keys {sorted(payload)} differ from {sorted(wanted)}")
