"""The queue's pulse: a tiny job that travels the whole way through a cluster (`biolabs.broker` sends it in)."""

import contextlib
from datetime import UTC, datetime

from django.core.cache import cache

STALE_AFTER_SECONDS = 120
SHARED = "biolabs.worker.heartbeat"


def beat():
    """The job. It tells the web servers, on whatever host, that some worker works."""
    # A cache that is away must not turn a living cluster into a dead one.
    with contextlib.suppress(Exception):
        cache.set(SHARED, datetime.now(UTC).isoformat(), timeout=None)


def last_beat():
    """When a worker anywhere last did its heartbeat job, or None."""
    text = cache.get(SHARED)
    return datetime.fromisoformat(text) if text else None
