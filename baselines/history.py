"""The lock and the pen of a protocol's baselines (docs/adr/0011-baselines-lock-their-protocol.md)."""

import uuid
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from baselines.enums import EVENT_DETAILS, BaselineEventType
from baselines.models import Baseline, BaselineEvent
from experiments.models import Protocol
from ledger.canonical import rfc3339
from ledger.chain import Chain, column_fault, genesis, link


def chain_id(baseline_id):
    return f"urn:uuid:{baseline_id}"


class History:
    """Held by `locked_protocol`; `protocol` is the locked, fresh row."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.now = timezone.now()

    def record(self, baseline, event_type, *, by, **details):
        """Append one entry to a baseline's history; `details` are pinned in `baselines.enums.EVENT_DETAILS`.

        The caller saves the baseline afterwards, once.
        """
        wanted = EVENT_DETAILS[BaselineEventType(event_type)]
        if set(details) != wanted:
            raise ValueError(f"{event_type}: details {sorted(details)} differ from {sorted(wanted)}")
        entry_id, sequence = uuid.uuid4(), baseline.event_count + 1
        previous = baseline.event_head or genesis(chain_id(baseline.pk))
        sealed = link(
            {
                "v": 1,
                "id": str(entry_id),
                "baseline": chain_id(baseline.pk),
                "seq": sequence,
                "type": str(event_type),
                "actor": {"id": str(by.pk), "name": by.printed_name},
                "recorded_at": rfc3339(self.now),
                "details": details,
            },
            previous_hash=previous,
        )
        entry = BaselineEvent.objects.create(
            id=entry_id,
            baseline=baseline,
            sequence=sequence,
            event_type=event_type,
            actor=by,
            actor_name=by.printed_name,
            created_at=self.now,
            body=sealed.body,
            previous_hash=previous,
            hash=sealed.hash,
        )
        baseline.event_count, baseline.event_head = sequence, sealed.hash
        return entry


@contextmanager
def locked_protocol(protocol_id):
    """Lock a protocol's row, once. Lock order: an execution's row before its protocol's."""
    with transaction.atomic():
        # Not the key: runs of the protocol may start meanwhile.
        protocols = Protocol.objects.select_for_update(of=("self",), no_key=True).select_related("team")
        yield History(protocols.get(pk=protocol_id))


def _heads():
    rows = Baseline.objects.order_by("pk").values_list("pk", "event_count", "event_head")
    for pk, count, head in rows.iterator():
        yield chain_id(pk), count, head or None


def _rows(chain):
    pk = chain.removeprefix("urn:uuid:")
    return BaselineEvent.objects.filter(baseline_id=pk).order_by("sequence").iterator(chunk_size=1000)


def _mismatch(row, members):
    columns = {
        "id": str(row.pk),
        "baseline": chain_id(row.baseline_id),
        "type": row.event_type,
        "actor": {"id": str(row.actor_id), "name": row.actor_name},
        "recorded_at": rfc3339(row.created_at),
    }
    return column_fault(columns, members)


BASELINE_EVENTS = Chain(name="baselines", heads=_heads, rows=_rows, mismatch=_mismatch)
