"""Assertions about what stands on a timeline, for the tests of every app."""

import json
import re
from pathlib import Path

from experiments.chains import TIMELINES
from experiments.models import Execution, ExecutionEvent
from experiments.timeline import chain_id
from ledger.chain import first_fault

GOLDEN = Path(__file__).parent / "golden"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def masked(value):
    """The value with what differs from run to run replaced by `<uuid>`, `<time>` and `<digest>`."""
    text = json.dumps(value, ensure_ascii=False)
    for pattern, word in ((UUID, "<uuid>"), (TIME, "<time>"), (DIGEST, "<digest>")):
        text = pattern.sub(word, text)
    return json.loads(text)


def assert_golden(event, folder=GOLDEN):
    """The event's payload is the one in `<folder>/<event type>.json`, identifiers and times masked."""
    expected = json.loads((folder / f"{event.event_type}.json").read_text())
    assert masked(event.payload) == expected


def events_of(execution, event_type=None):
    rows = ExecutionEvent.objects.filter(execution_id=execution.pk).order_by("sequence")
    return list(rows.filter(event_type=event_type) if event_type else rows)


def assert_recorded(execution, *event_types):
    """The timeline's events are exactly these, numbered without gaps, chained, and counted on the run's row."""
    rows = events_of(execution)
    assert [row.event_type for row in rows] == list(event_types)
    assert_chain(execution)


def assert_chain(execution):
    """The chain verifies against the count and head on the run's row."""
    row = Execution.objects.get(pk=execution.pk)
    fault = first_fault(TIMELINES, chain_id(row.pk), count=row.event_count, head=row.head_hash or None)
    assert fault is None, str(fault)
