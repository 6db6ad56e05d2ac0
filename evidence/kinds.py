"""The six kinds of evidence: what a request names is found, described and frozen (api.md, "Narrative exports")."""

from dataclasses import dataclass, field
from uuid import UUID

from evidence.enums import EvidenceType
from evidence.models import FrozenEvidence
from evidence.sources import FAMILIES, KINDS, LONGEST_LABEL, OF_EVENTS, Kind
from ledger.canonical import canonical_text, loads
from ledger.errors import Invalid

MOST_ATTACHMENTS = 500
LONGEST_CONTEXT = 20_000

REFERENCES = {
    "event_id": KINDS[EvidenceType.TIMELINE_EVENT],
    "file_id": KINDS[EvidenceType.FILE],
    "notebook_entry_id": KINDS[EvidenceType.NOTEBOOK_ENTRY],
    "analytics_event_id": KINDS[EvidenceType.ANALYTICS_SNAPSHOT],
    "qc_event_id": KINDS[EvidenceType.QC_METRIC],
    "remediation_event_id": KINDS[EvidenceType.REMEDIATION_REPORT],
}
MEMBERS = {*REFERENCES, "type", "reference_id", "label", "context"}


@dataclass(frozen=True)
class Resolved:
    """An attachment that was found and described; `evidence` is not saved yet."""

    evidence: FrozenEvidence
    label: str
    context: dict = field(default_factory=dict)

    @property
    def context_text(self):
        return canonical_text(self.context)


def resolve_attachments(execution, attachments, *, by):
    """Find and describe what a request wants attached: a list of Resolved in the order of the request.

    `attachments` is the list of api.md. Nothing is written and nothing is locked; at most one query per table.
    Raises Invalid that names every wrong line (`attachments.<n>` from 0) when a line is malformed, names the same
    thing twice, or names something that is not in this run (another run's, nobody's, and unknown ones answer alike).
    `by` has to see the execution already.
    """
    lines = _parsed(attachments)
    found = _found(execution, lines)
    errors, resolved, seen = [], [], set()
    for number, line in enumerate(lines):
        row = found.get((line.kind, line.reference))
        if (line.kind, line.reference) in seen:
            errors.append(_error(number, f"names the same {line.kind.noun} as a line before it", "duplicate"))
        elif row is None:
            errors.append(_error(number, _absent(line, found), "not_in_execution"))
        else:
            evidence = line.kind.frozen(row, execution)
            resolved.append(Resolved(evidence, line.label or evidence.label, line.context))
        seen.add((line.kind, line.reference))
    _refuse(errors)
    return resolved


def freeze(resolved):
    """Write the evidence of resolved attachments, inside the execution's lock; answers FrozenEvidence rows in order."""
    return FrozenEvidence.objects.bulk_create([each.evidence for each in resolved], batch_size=100)


@dataclass(frozen=True)
class _Line:
    kind: Kind
    reference: UUID
    label: str
    context: dict


def _parsed(attachments):
    if not isinstance(attachments, (list, tuple)):
        raise Invalid.field("attachments", "Attachments must be a list.", "not_a_list")
    if len(attachments) > MOST_ATTACHMENTS:
        raise Invalid.field("attachments", f"An export takes {MOST_ATTACHMENTS} attachments at most.", "too_many")
    lines, errors = [], []
    for number, attachment in enumerate(attachments):
        try:
            lines.append(_line(attachment))
        except Invalid as refusal:
            errors.append(_error(number, refusal.sentence, refusal.code))
    _refuse(errors)
    return lines


def _line(attachment):
    """One attachment of a request. Raises Invalid whose sentence continues "Attachment 3 …"."""
    if not isinstance(attachment, dict):
        raise Invalid("must be an object with one reference", code="not_an_object")
    unknown = [str(name) for name in attachment if name not in MEMBERS]
    if unknown:
        raise Invalid(
            f"has members that mean nothing here: {', '.join(sorted(unknown)[:5])[:200]}", code="unknown_member"
        )
    kind, reference = _reference(attachment)
    return _Line(kind, reference, _label(attachment), _context(attachment))


def _reference(attachment):
    named = [name for name in REFERENCES if attachment.get(name) is not None]
    by_type = any(attachment.get(name) is not None for name in ("type", "reference_id"))
    if len(named) + by_type != 1:
        raise Invalid(
            f"must name exactly one of {', '.join(REFERENCES)}, or type and reference_id", code="one_reference"
        )
    if named:
        return REFERENCES[named[0]], _uuid(attachment[named[0]], named[0])
    given = attachment.get("type")
    kind = KINDS.get(given) if isinstance(given, str) else None
    if kind is None:
        raise Invalid(f"has a type that is none of {', '.join(KINDS)}", code="unknown_type")
    return kind, _uuid(attachment.get("reference_id"), "reference_id")


def _uuid(value, name):
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise Invalid(f"needs a UUID as {name}", code="not_a_uuid") from None


def _label(attachment):
    label = attachment.get("label")
    if label is None:
        return ""
    if not isinstance(label, str):
        raise Invalid("needs text as label", code="not_text")
    label = " ".join(_storable(label, "label").split())
    if len(label) > LONGEST_LABEL:
        raise Invalid(f"has a label longer than {LONGEST_LABEL} characters", code="too_long")
    return label


def _context(attachment):
    context = attachment.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise Invalid("needs an object as context", code="not_an_object")
    try:
        text = canonical_text(context)
    except (Invalid, RecursionError) as refusal:
        raise Invalid(f"has a context that cannot be kept: {refusal}", code="not_canonical") from None
    if len(text) > LONGEST_CONTEXT:
        raise Invalid(f"has a context longer than {LONGEST_CONTEXT} characters", code="too_long")
    return loads(text)


def _storable(text, name):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = "\x00"
    if "\x00" in text:
        raise Invalid(f"has characters in its {name} that cannot be stored", code="not_storable")
    return text


def _found(execution, lines):
    """The source row of each (kind, reference) that is in the execution."""
    files, entries, events = (
        KINDS[EvidenceType.FILE],
        KINDS[EvidenceType.NOTEBOOK_ENTRY],
        KINDS[EvidenceType.TIMELINE_EVENT],
    )
    found = {}
    for kind in (files, entries, events):
        wanted = {line.reference for line in lines if _table(line.kind) is kind}
        if wanted:
            rows = kind.rows(execution).filter(**{f"{kind.reference_field()}__in": wanted})
            found |= {(kind, kind.reference(row)): row for row in rows}
    for line in lines:
        row = found.get((events, line.reference))
        if row is not None and line.kind in FAMILIES and row.event_type.startswith(line.kind.prefix):
            found[line.kind, line.reference] = row
    return found


def _table(kind):
    return KINDS[EvidenceType.TIMELINE_EVENT] if kind in OF_EVENTS else kind


def _absent(line, found):
    event = found.get((KINDS[EvidenceType.TIMELINE_EVENT], line.reference))
    if line.kind in FAMILIES and event is not None:
        return f"names an event of type {event.event_type}, which is no {line.kind.noun}"
    return f"names a {line.kind.noun} that is not in this run"


def _error(number, sentence, code):
    return {"field": f"attachments.{number}", "code": code, "detail": f"Attachment {number + 1} {sentence}."}


def _refuse(errors):
    if errors:
        raise Invalid(" ".join(error["detail"] for error in errors[:3]), code=errors[0]["code"], errors=errors)
