"""How `verify_ledger` walks timelines."""

from experiments.models import Execution, ExecutionEvent
from experiments.timeline import chain_id
from ledger.canonical import rfc3339
from ledger.chain import Chain, actor_columns, column_fault


def ids():
    yield from map(chain_id, Execution.objects.order_by("pk").values_list("pk", flat=True).iterator())


def head(chain):
    pk = chain.removeprefix("urn:uuid:")
    count, digest = Execution.objects.values_list("event_count", "head_hash").get(pk=pk)
    return count, digest or None


def rows(chain):
    pk = chain.removeprefix("urn:uuid:")
    return ExecutionEvent.objects.filter(execution_id=pk).order_by("sequence").iterator(chunk_size=1000)


def mismatch(row, members):
    """Why an event's columns disagree with its sealed text, or None."""
    columns = {
        "execution": chain_id(row.execution_id),
        "type": row.event_type,
        "occurred_at": rfc3339(row.occurred_at) if row.occurred_at else None,
        **actor_columns(row),
    }
    return column_fault(columns, members)


TIMELINES = Chain(name="timeline", ids=ids, head=head, rows=rows, mismatch=mismatch)
