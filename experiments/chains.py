"""How `verify_ledger` walks timelines."""

from experiments.models import Execution, ExecutionEvent
from experiments.timeline import chain_id
from ledger.canonical import rfc3339
from ledger.chain import actor_columns, chain_of, column_fault


def mismatch(row, members):
    """Why an event's columns disagree with its sealed text, or None."""
    columns = {
        "execution": chain_id(row.execution_id),
        "type": row.event_type,
        "occurred_at": rfc3339(row.occurred_at) if row.occurred_at else None,
        **actor_columns(row),
    }
    return column_fault(columns, members)


TIMELINES = chain_of(
    "timeline", Execution, ExecutionEvent, key="execution", count="event_count", head="head_hash", mismatch=mismatch
)
