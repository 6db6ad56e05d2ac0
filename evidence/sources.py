"""What each kind of evidence is made from: how its sources are found in a run, described and frozen."""

from django.db.models import F

from evidence import rollups
from evidence.enums import EvidenceType
from evidence.models import FrozenEvidence, NotebookRevision, StoredFile
from evidence.names import given_name
from experiments.models import ExecutionEvent
from ledger.canonical import canonical_text, rfc3339, sha256_text
from portal.text import one_line

LONGEST_LABEL = 255
TOLD_BY = ("label", "title", "name", "metric", "summary", "note", "text", "message")


class Kind:
    """What one kind of evidence can do. `rows` finds its sources in an execution; the rest reads one source."""

    type = None
    noun = ""

    def rows(self, execution):
        raise NotImplementedError

    def reference_field(self):
        return "pk"

    def reference(self, row):
        return row.pk

    def label(self, row):
        raise NotImplementedError

    def snapshot(self, row):
        raise NotImplementedError

    def context(self, row):
        raise NotImplementedError

    def frozen(self, row, execution):
        raise NotImplementedError

    def item(self, row):
        """The row as evidence discovery answers it."""
        return {
            "id": str(self.reference(row)),
            "type": str(self.type),
            "label": self.label(row),
            "snapshot": self.snapshot(row),
            "context": self.context(row),
        }

    def _frozen_text(self, row, execution, *, content, filename, media_type):
        return FrozenEvidence(
            execution=execution,
            evidence_type=self.type,
            reference_id=self.reference(row),
            label=self.label(row),
            filename=filename,
            media_type=media_type,
            sha256=sha256_text(content),
            size=len(content.encode("utf-8")),
            content=content,
            snapshot_text=canonical_text(self.snapshot(row)),
        )


class File(Kind):
    type = EvidenceType.FILE
    noun = "file"

    def rows(self, execution):
        return StoredFile.objects.filter(execution_id=execution.pk)

    def label(self, row):
        return row.filename

    def snapshot(self, row):
        return {
            "filename": row.filename,
            "file_type": row.file_type,
            "file_size": row.file_size,
            "sha256": row.sha256,
            "uploaded_by": row.uploaded_by_name,
            "created_at": rfc3339(row.created_at),
        }

    def context(self, row):
        return {
            "execution_id": str(row.execution_id),
            "created_at": rfc3339(row.created_at),
            "by": row.uploaded_by_name,
        }

    def frozen(self, row, execution):
        return FrozenEvidence(
            execution=execution,
            evidence_type=self.type,
            reference_id=row.pk,
            label=row.filename,
            filename=row.filename,
            media_type=row.file_type,
            sha256=row.sha256,
            size=row.file_size,
            file=row,
            snapshot_text=canonical_text(self.snapshot(row)),
        )


class Notebook(Kind):
    """A notebook entry, read through its newest revision: one row that never changes."""

    type = EvidenceType.NOTEBOOK_ENTRY
    noun = "notebook entry"
    excerpt_length = 280

    def rows(self, execution):
        newest = NotebookRevision.objects.filter(entry__execution_id=execution.pk, number=F("entry__revision"))
        return newest.select_related("entry")

    def reference_field(self):
        return "entry_id"

    def reference(self, row):
        return row.entry_id

    def label(self, row):
        return row.title

    def snapshot(self, row):
        return {
            "title": row.title,
            "revision": row.number,
            "sha256": row.sha256,
            "length": len(row.content),
            "excerpt": row.content[: self.excerpt_length],
            "edited_by": row.edited_by_name,
            "updated_at": rfc3339(row.created_at),
        }

    def context(self, row):
        return {
            "execution_id": str(row.entry.execution_id),
            "created_at": rfc3339(row.entry.created_at),
            "by": row.edited_by_name,
        }

    def frozen(self, row, execution):
        filename = given_name(f"{row.title}.md")
        return self._frozen_text(row, execution, content=row.content, filename=filename, media_type="text/markdown")


class TimelineEvent(Kind):
    """Any event of the run; the three kinds below are the ones with a family of their own."""

    type = EvidenceType.TIMELINE_EVENT
    noun = "timeline event"
    prefix = ""

    def rows(self, execution):
        events = ExecutionEvent.objects.filter(execution_id=execution.pk)
        return events.filter(event_type__startswith=self.prefix) if self.prefix else events

    def label(self, row):
        payload = row.payload
        for key in TOLD_BY:
            told = payload.get(key)
            if isinstance(told, str) and told.strip():
                return one_line(" ".join(told.split()))[:LONGEST_LABEL]
        return f"{row.event_type} #{row.sequence}"

    def snapshot(self, row):
        described = {
            "event_type": row.event_type,
            "sequence": row.sequence,
            "actor": row.actor_name,
            "created_at": rfc3339(row.created_at),
            "hash": row.hash,
        }
        if row.occurred_at:
            described["occurred_at"] = rfc3339(row.occurred_at)
        return described | self.roll_ups(row.payload)

    def roll_ups(self, payload):
        found = {
            "metric_rollup": rollups.metric_rollup(payload),
            "readings_summary": rollups.readings_summary(payload),
            "reading_count": rollups.reading_count(payload) or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def context(self, row):
        return {
            "execution_id": str(row.execution_id),
            "created_at": rfc3339(row.created_at),
            "by": row.actor_name,
            "sequence": row.sequence,
        }

    def frozen(self, row, execution):
        # The sealed text itself: its hash is the event's own link in the chain.
        filename = f"{row.sequence:06d}-{row.event_type}.json"
        return self._frozen_text(row, execution, content=row.body, filename=filename, media_type="application/json")


class Analytics(TimelineEvent):
    type = EvidenceType.ANALYTICS_SNAPSHOT
    noun = "analytics event"
    prefix = "analytics."


class Qc(TimelineEvent):
    type = EvidenceType.QC_METRIC
    noun = "QC event"
    prefix = "qc."


class Remediation(TimelineEvent):
    type = EvidenceType.REMEDIATION_REPORT
    noun = "remediation event"
    prefix = "remediation."

    def roll_ups(self, payload):
        found = super().roll_ups(payload)
        actions = rollups.remediation_actions(payload)
        return found if actions is None else found | {"actions": actions}


KINDS = {kind.type: kind for kind in (TimelineEvent(), File(), Notebook(), Analytics(), Qc(), Remediation())}
OF_EVENTS = [kind for kind in KINDS.values() if isinstance(kind, TimelineEvent)]
FAMILIES = [kind for kind in OF_EVENTS if kind.prefix]
