"""What a run showed, as a baseline refers to it. Read from the run's own timeline: nothing there ever changes."""

from dataclasses import dataclass
from uuid import UUID

from baselines.enums import EvidenceKind
from baselines.models import BaselineEvidence
from evidence.enums import EvidenceType
from evidence.sources import KINDS
from experiments.events import Event
from experiments.input import identifiers
from experiments.models import ExecutionEvent
from ledger.canonical import canonical_text, rfc3339
from ledger.errors import Invalid

MOST = 50  # of each kind, when all are attached


@dataclass(frozen=True)
class Chosen:
    """`rows` are unsaved and without their baseline; `left_out` counts what did not fit, the oldest first."""

    rows: tuple
    left_out: int = 0


def chosen(execution, *, export_ids=None, qc_event_ids=None):
    """The exports and QC events named, or (None) the newest of each. Raises Invalid at the field."""
    exports, more_exports = _exports(execution, export_ids)
    metrics, more_metrics = _metrics(execution, qc_event_ids)
    return Chosen(_in_order([*exports, *metrics]), more_exports + more_metrics)


def chosen_again(execution, standing, *, export_ids=None, qc_event_ids=None):
    """As `chosen`, but None keeps what stands of that kind; `standing` are the rows so far."""
    rows = []
    for kind, read, ids in (
        (EvidenceKind.NARRATIVE_EXPORT, _exports, export_ids),
        (EvidenceKind.QC_METRIC, _metrics, qc_event_ids),
    ):
        rows += [_copied(row) for row in standing if row.kind == kind] if ids is None else read(execution, ids)[0]
    return Chosen(_in_order(rows))


def references(rows):
    """What rows of evidence refer to, to see whether two choices are the same."""
    return {(row.kind, row.reference_id) for row in rows}


def _in_order(rows):
    for position, row in enumerate(rows, 1):
        row.position = position
    return tuple(rows)


def _copied(row):
    return BaselineEvidence(
        kind=row.kind, reference_id=row.reference_id, label=row.label, snapshot_text=row.snapshot_text
    )


def _exports(execution, export_ids):
    events = ExecutionEvent.objects.filter(execution=execution.pk, event_type=Event.EXPORT_CREATED)
    by_id = {event.payload["export_id"]: event for event in events.order_by("sequence")}
    if export_ids is not None:
        wanted = _limited(export_ids, "export_ids")
        return [_export(_known(by_id, str(pk), f"export_ids.{n}", "export")) for n, pk in enumerate(wanted)], 0
    kept = list(by_id.values())[-MOST:]
    return [_export(event) for event in kept], len(by_id) - len(kept)


def _metrics(execution, event_ids):
    events = KINDS[EvidenceType.QC_METRIC].rows(execution)
    if event_ids is not None:
        wanted = _limited(event_ids, "qc_event_ids")
        by_id = events.in_bulk(wanted)
        return [_metric(_known(by_id, pk, f"qc_event_ids.{n}", "QC event")) for n, pk in enumerate(wanted)], 0
    kept = list(events.order_by("-sequence")[:MOST])
    return [_metric(event) for event in reversed(kept)], max(events.count() - MOST, 0)


def _limited(values, field):
    wanted = identifiers(values, field)
    if len(wanted) > MOST:
        raise Invalid.field(field, f"At most {MOST} can be attached.", "too_many")
    return wanted


def _known(found, key, field, noun):
    if key not in found:
        raise Invalid.field(field, f"This run has no such {noun}.", "not_found")
    return found[key]


def _export(event):
    payload = event.payload
    return BaselineEvidence(
        kind=EvidenceKind.NARRATIVE_EXPORT,
        reference_id=UUID(payload["export_id"]),
        label=f"Narrative export, version {payload['version']}",
        snapshot_text=canonical_text(
            {
                "version": payload["version"],
                "content_digest": payload["content_digest"],
                "attachment_count": payload["attachment_count"],
                "requested_by": event.actor_name,
                "created_at": rfc3339(event.created_at),
                "event_id": str(event.pk),
            }
        ),
    )


def _metric(event):
    kind = KINDS[EvidenceType.QC_METRIC]
    return BaselineEvidence(
        kind=EvidenceKind.QC_METRIC,
        reference_id=event.pk,
        label=kind.label(event),
        snapshot_text=canonical_text(kind.snapshot(event)),
    )
