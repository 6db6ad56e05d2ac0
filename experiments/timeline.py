"""The lock and the pen: history is written only while the execution's row is locked."""

import uuid
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from experiments.events import check_payload
from experiments.models import Execution, ExecutionEvent
from ledger.canonical import rfc3339
from ledger.chain import genesis, link


def chain_id(execution_id):
    """The chain's name as the dossier prints it."""
    return f"urn:uuid:{execution_id}"


class Timeline:
    """Held by `locked_timeline`; `execution` is the locked, fresh row."""

    def __init__(self, execution):
        self.execution = execution
        self.now = timezone.now()
        self._count = execution.event_count
        self._head = execution.head_hash or genesis(chain_id(execution.pk))
        self._rows = []

    def record(self, event_type, *, by, occurred_at=None, payload=None, **members):
        """Append one event; payload members come as keywords (or `payload`, for names that are no identifiers)."""
        payload = {**(payload or {}), **members}
        check_payload(event_type, payload)
        row = self._seal(event_type, by, occurred_at, payload)
        self._rows.append(row)
        return row

    def _seal(self, event_type, by, occurred_at, payload):
        self._count += 1
        sealed = {
            "v": 1,
            "id": str(uuid.uuid4()),
            "execution": chain_id(self.execution.pk),
            "seq": self._count,
            "type": event_type,
            "actor": {"id": str(by.pk), "name": by.printed_name},
            "recorded_at": rfc3339(self.now),
            "payload": payload,
        }
        if occurred_at is not None:
            sealed["occurred_at"] = rfc3339(occurred_at)
        previous, sealed_link = self._head, link(sealed, previous_hash=self._head)
        self._head = sealed_link.hash
        return ExecutionEvent(
            id=uuid.UUID(sealed["id"]),
            execution=self.execution,
            sequence=self._count,
            event_type=event_type,
            actor=by,
            actor_name=by.printed_name,
            created_at=self.now,
            occurred_at=occurred_at,
            body=sealed_link.body,
            previous_hash=previous,
            hash=sealed_link.hash,
        )

    def flush(self):
        """Write what was recorded; called by `locked_timeline` before it commits."""
        if self._rows:
            ExecutionEvent.objects.bulk_create(self._rows, batch_size=500)
            self.execution.event_count = self._count
            self.execution.head_hash = self._head
            self.execution.updated_at = self.now
            self.execution.save(update_fields=["event_count", "head_hash", "updated_at"])
            self._rows = []


@contextmanager
def locked_timeline(execution_id):
    """Lock an execution's row, once and first, in a transaction of its own or the caller's.

    Yields a Timeline. Raises Execution.DoesNotExist. No file, network or rendering work inside.
    """
    with transaction.atomic():
        execution = (
            Execution.objects.select_for_update(of=("self",)).select_related("protocol", "run_by").get(pk=execution_id)
        )
        timeline = Timeline(execution)
        yield timeline
        timeline.flush()
