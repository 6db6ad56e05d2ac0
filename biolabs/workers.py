"""What each `manage.py worker` tells of itself in the database, and what operators make of it.

A worker is a watchdog and its cluster on one host. Several hosts share the database; each writes its own row.
"""

import os
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import connections
from django.db.utils import Error as DatabaseError
from django.utils import timezone

from biolabs.models import Worker
from biolabs.processes import is_alive
from narratives.enums import PackageStatus
from narratives.models import Package
from narratives.package_transitions import TASK as PACKAGING

log = structlog.get_logger(__name__)

TELLS_EVERY = 5  # seconds
GONE_AFTER = timedelta(seconds=45)
SILENT_AFTER = timedelta(seconds=45)
FORGOTTEN_AFTER = timedelta(days=1)
MOST_CLAIMS = 200
STATES = ("busy", "idle", "starting", "silent", "gone")


class Teller:
    """A watchdog's voice. A database that is away never stops the watchdog."""

    def __init__(self, signs):
        now = timezone.now()
        self._signs = signs
        self._told_at = None
        self.row = Worker(host=socket.gethostname()[:255], pid=os.getpid(), started_at=now, seen_at=now)

    def cluster_ended(self, reason):
        """The cluster is started again because of this."""
        self.row.restarts += 1
        self.row.restarted_because = reason[:200]
        self._told_at = None

    def tell(self):
        """Write the row, at most every few seconds however often it is called."""
        if self._told_at is not None and time.monotonic() - self._told_at < TELLS_EVERY:
            return
        self._told_at = time.monotonic()
        self.row.seen_at = now = timezone.now()
        self.row.beat_at = _moment(self._signs.last_beat(), now)
        self.row.jobs = [
            {"pid": pid, "job": job, "since": _moment(begun, now).isoformat()} for pid, job, begun in self._signs.jobs()
        ]
        _quietly(self._write)

    def _write(self):
        first = self.row._state.adding
        self.row.save()
        if first:
            forget_others(now=self.row.seen_at, keep=self.row)

    def leave(self):
        """An orderly stop leaves nothing behind."""
        _quietly(lambda: Worker.objects.filter(pk=self.row.pk).delete())


def _quietly(write):
    try:
        write()
    except DatabaseError as error:
        log.warning("database_not_reached", reason=str(error))
        connections.close_all()


def _moment(monotonic, now):
    return None if monotonic is None else now - timedelta(seconds=time.monotonic() - monotonic)


def forget_others(*, now, keep):
    """Drop this host's workers whose process is gone, and those of any host unseen for a day."""
    Worker.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
    for other in Worker.objects.filter(host=keep.host).exclude(pk=keep.pk):
        # In a container every life has the same number.
        if other.pid == keep.pid or not is_alive(other.pid):
            other.delete()


# --- What operators see ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    name: str
    since: datetime
    package: Package | None


@dataclass
class Seen:
    """A worker with its state, one of STATES."""

    row: Worker
    state: str
    jobs: list = field(default_factory=list)
    words: str = ""
    colour: str = ""


def seen_by_operators(*, names, now):
    """`(workers, claims of nobody who lives)`, in two queries; `names` says what a function is called."""
    claims = {package.owner: package for package in _claims()}
    workers = [_seen(row, claims, names, now) for row in Worker.objects.filter(seen_at__gte=now - FORGOTTEN_AFTER)]
    held = {job.package.pk for worker in workers if worker.state != "gone" for job in worker.jobs if job.package}
    return workers, [package for package in claims.values() if package.pk not in held]


def _claims():
    claimed = Package.objects.filter(status=PackageStatus.PROCESSING).select_related("export__execution")
    return claimed.defer("export__content").order_by("lease_until")[:MOST_CLAIMS]


def _seen(row, claims, names, now):
    jobs = [
        Job(
            name="Packaging" if told["job"] == PACKAGING else names.get(told["job"], told["job"]),
            since=datetime.fromisoformat(told["since"]),
            package=claims.get(f"{row.host}:{told['pid']}") if told["job"] == PACKAGING else None,
        )
        for told in row.jobs
    ]
    return Seen(row, _state(row, now), jobs)


def _state(row, now):
    if now - row.seen_at > GONE_AFTER:
        return "gone"
    if row.jobs:
        return "busy"
    if row.beat_at is None:
        return "starting"
    return "silent" if now - row.beat_at > SILENT_AFTER else "idle"
