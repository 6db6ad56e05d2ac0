"""The lock and the pen of a protocol's baselines (docs/adr/0011-baselines-lock-their-protocol.md)."""

from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from baselines.enums import EVENT_DETAILS, BaselineEventType
from baselines.models import Baseline, BaselineEvent
from experiments.models import Protocol
from ledger.chain import actor_columns, chain_of, column_fault, sealed_columns


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
        entry = BaselineEvent.objects.create(
            baseline=baseline,
            event_type=event_type,
            **sealed_columns(
                {"baseline": chain_id(baseline.pk), "type": str(event_type), "details": details},
                by=by,
                at=self.now,
                chain_id=chain_id(baseline.pk),
                count=baseline.event_count,
                head=baseline.event_head,
            ),
        )
        baseline.event_count, baseline.event_head = entry.sequence, entry.hash
        return entry


@contextmanager
def locked_protocol(protocol_id):
    """Lock a protocol's row, once. Lock order: an execution's row before its protocol's."""
    with transaction.atomic():
        # Not the key: runs of the protocol may start meanwhile.
        protocols = Protocol.objects.select_for_update(of=("self",), no_key=True).select_related("team")
        yield History(protocols.get(pk=protocol_id))


def _mismatch(row, members):
    columns = {"baseline": chain_id(row.baseline_id), "type": row.event_type, **actor_columns(row)}
    return column_fault(columns, members)


BASELINE_EVENTS = chain_of(
    "baselines", Baseline, BaselineEvent, key="baseline", count="event_count", head="event_head", mismatch=_mismatch
)
