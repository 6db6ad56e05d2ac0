"""One line that says what an event was, for the narrative and the audit trail."""

from experiments.events import Event

LONGEST = 240
MEMBERS = 6
TOLD_BY = ("summary", "note", "text", "message", "title", "description")


def summary(event_type, payload):
    """A sentence of at most 240 characters; not yet escaped. `payload` is the event's parsed payload."""
    phrase = PHRASES.get(event_type)
    try:
        told = phrase(payload) if phrase else _told(payload)
    except (KeyError, TypeError):  # a payload of another time: it is told by its members
        told = _told(payload)
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def _told(payload):
    """The payload's own words, or its first plain members."""
    for key in TOLD_BY:
        value = payload.get(key)
        if isinstance(value, str) and value.strip():
            return value
    return " · ".join(f"{key} {_plain(value)}" for key, value in list(payload.items())[:MEMBERS]) or "no payload"


def _plain(value):
    if isinstance(value, dict):
        inside = ", ".join(f"{key} {_scalar(member)}" for key, member in list(value.items())[:MEMBERS])
        return f"({inside})" if inside else "(nothing)"
    if isinstance(value, list):
        return f"({len(value)} entries)" if len(value) != 1 else "(1 entry)"
    return _scalar(value)


def _scalar(value):
    if isinstance(value, (dict, list)):
        return "…"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def _words(value):
    return str(value).replace("_", " ")


def _step(payload):
    return (
        f"Step {payload['index'] + 1}, {payload['instruction']}: {_words(payload['from'])} to {_words(payload['to'])}"
    )


def _stage(verb):
    def phrase(payload):
        told = f"Version {payload['version']}, stage {payload['sequence_index']}, {payload['stage_name']}: {verb}"
        return f"{told}, {payload['notes']}" if payload.get("notes") else told

    return phrase


def _signed(verb):
    def phrase(payload):
        acting = payload.get("acting_as") or {}
        whom = f" for {_name(acting['of'])}" if acting.get("of") else ""
        lasting = f", absence {acting['absence']['words']}" if acting.get("absence") else ""
        return _stage(f"{verb} by {_name(payload['signer'])}{whom}{lasting}")(payload)

    return phrase


def _by_people(words):
    """`words` is a function from the payload to what happened to the stage."""
    return lambda payload: _stage(words(payload))(payload)


def _claimed(payload):
    taken = f", taken over from {_name(payload['taken_from'])}" if payload["taken_from"] else ""
    return f"claimed by {_name(payload['claimed_by'])}{taken}"


def _escalated(payload):
    return f"escalated to {', '.join(_name(each) for each in payload['escalated_to']) or 'nobody'}"


def _name(person):
    return person.get("name") if isinstance(person, dict) else str(person)


def _version(words):
    return lambda payload: f"Version {payload['version']}: {words}"


PHRASES = {
    Event.SESSION_CREATED: lambda p: (
        f"Run of {p['protocol_name']}, version {p['protocol_version']}, opened with {p['step_count']} steps"
    ),
    Event.STEP_TRANSITION: _step,
    Event.REMEDIATION_EXECUTE: lambda p: f"Step {p['index'] + 1}: {len(p['results'])} remedies",
    Event.EXPORT_CREATED: lambda p: (
        f"Version {p['version']} requested: {p['event_count']} events, {p['attachment_count']} pieces of evidence, "
        f"{p['stage_count']} stages"
    ),
    Event.STAGE_STARTED: _stage("waits for a signature"),
    Event.STAGE_COMPLETED: _signed("approved"),
    Event.LADDER_REJECTED: _signed("rejected"),
    Event.LADDER_FINALIZED: lambda p: f"Version {p['version']}: approved by all {p['stage_count']} stages",
    Event.STAGE_DELEGATED: _by_people(lambda p: f"delegated to {_name(p['delegate'])} by {_name(p['delegated_by'])}"),
    Event.STAGE_RESET: _by_people(lambda p: f"reset by {_name(p['reset_by'])}, was {p['from_status']}"),
    Event.STAGE_CLAIMED: _by_people(_claimed),
    Event.STAGE_RELEASED: _by_people(lambda p: f"released by {_name(p['released_by'])}"),
    Event.STAGE_OVERDUE: _by_people(lambda p: f"overdue, was due {p['due_at'][:16].replace('T', ' ')} UTC"),
    Event.STAGE_ESCALATED: _by_people(_escalated),
    Event.PACKAGE_QUEUED: _version("dossier queued for packaging"),
    Event.PACKAGE_STARTED: _version("packaging started"),
    Event.PACKAGE_RETRYING: lambda p: f"Version {p['version']}: packaging will be tried again, {p['reason']}",
    Event.PACKAGE_READY: lambda p: f"Version {p['version']}: dossier ready, {p['file_count']} files",
    Event.PACKAGE_FAILED: lambda p: f"Version {p['version']}: packaging failed, {p['reason']}",
    Event.PACKAGE_EXPIRED: _version("dossier removed, its retention ended"),
    Event.PACKAGE_INTEGRITY_FAILED: _version("dossier does not match its checksum"),
    Event.LEGAL_HOLD_SET: lambda p: f"Version {p['version']}: legal hold, {p['reason']}",
    Event.LEGAL_HOLD_RELEASED: lambda p: f"Version {p['version']}: legal hold released, {p['reason']}",
}
