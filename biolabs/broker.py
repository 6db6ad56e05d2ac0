"""The queue in the database, plus a heartbeat that travels through this cluster and nobody else's.

A job in the shared table may be done by another host's cluster, so it could not tell that this one is frozen.
The heartbeat is therefore slipped in where this cluster takes its jobs; it passes pusher, worker and monitor and
is written down when the monitor acknowledges it. `biolabs.watchdog` reads what is written (`biolabs.signs`).
"""

import os
import time

from django_q.brokers.orm import ORM
from django_q.signing import SignedPackage

from biolabs import signs

HEARTBEAT = "heartbeat"
INTERVAL = "BIOLABS_WORKER_BEAT_SECONDS"


class Broker(ORM):
    def __init__(self, list_key=None):
        super().__init__(list_key=list_key)
        self._signs = signs.of_this_cluster()
        self._every = float(os.environ.get(INTERVAL, "5"))
        self._sent_at = None

    def dequeue(self):
        if self._signs is None:
            return super().dequeue()
        if self._heartbeat_is_due():
            return [(HEARTBEAT, _heartbeat())]
        taken = super().dequeue()
        self._signs.took(job for job, _ in taken or [])
        return taken

    def delete(self, task_id):
        if task_id != HEARTBEAT:
            super().delete(task_id)
        elif self._signs:
            self._signs.beat()

    def _heartbeat_is_due(self):
        now = time.monotonic()
        if self._sent_at is not None and now - self._sent_at < self._every:
            return False
        self._sent_at = now
        return True


def _heartbeat():
    job = {"id": HEARTBEAT, "name": HEARTBEAT, "func": signs.HEARTBEAT, "args": (), "kwargs": {}}
    return SignedPackage.dumps({**job, "save": False, "ack_failure": True})
