"""Keeps one django-q2 cluster working: starts it, watches its signs of life, kills and starts it again.

What it is for (all seen): a killed idle worker leaves the cluster's queue locked for ever; a killed sentinel leaves
workers without a parent; a killed master leaves all of them. In each case the whole process group goes and a new
cluster comes, and the jobs the old one held are free again at once, not when their lock expires.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import structlog
from django.conf import settings
from django.db import connections
from django.db.utils import Error as DatabaseError
from django.utils import timezone
from django_q.models import OrmQ

from biolabs import broker, processes, schedules, signs, workers

log = structlog.get_logger(__name__)

LOOKS_EVERY = 0.5
STARTING_SECONDS = 30  # until the first heartbeat, on a busy machine
SHORT_LIFE_SECONDS = 10
LONGEST_JOB_SECONDS = settings.Q_CLUSTER["timeout"] + 60  # past it django-q2 should have ended the job
PUT_IN_ORDER_EVERY = 2


class Watchdog:
    def __init__(self, *, beat_seconds=5, stale_seconds=30, stopping_seconds=10, longest_pause_seconds=30):
        self.beat_seconds = beat_seconds
        self.stale_seconds = stale_seconds
        self.stopping_seconds = stopping_seconds
        self.longest_pause_seconds = longest_pause_seconds
        self.folder = settings.DATA_DIR / "run" / f"worker-{socket.gethostname()}-{os.getpid()}"
        self.signs = signs.Signs(self.folder)
        self.teller = workers.Teller(self.signs)
        self.stopping = threading.Event()
        self.cluster = None
        self._held = set()  # queue rows of clusters that are gone
        self._in_order = False
        self._pause = 0

    def run(self):
        """Until SIGTERM or SIGINT. Another signal while stopping kills at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop_requested())
        processes.adopt_orphans()
        self._held |= take_over_leftovers(self.folder.parent)
        try:
            while not self.stopping.is_set():
                self._one_life()
                self.stopping.wait(self._pause)
        finally:
            self._put_in_order()
            self.teller.leave()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _stop_requested(self):
        if self.stopping.is_set() and self.cluster:
            processes.kill_group(self.cluster.pid)
        self.stopping.set()

    def _one_life(self):
        self._start()
        reason = self._watch()
        if reason:
            log.warning("cluster_restarted", reason=reason, pid=self.cluster.pid)
            self.teller.cluster_ended(reason)
        else:
            self._let_finish()
        processes.kill_group(self.cluster.pid)
        self.cluster.wait()
        self._held |= self.signs.taken()
        lived = time.monotonic() - self.started_at
        longer = min(self.longest_pause_seconds, max(1, self._pause * 2))
        self._pause = longer if lived < SHORT_LIFE_SECONDS else 0

    def _start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        # A connection shared with a child is used by both.
        connections.close_all()
        self.cluster = subprocess.Popen(
            [sys.executable, settings.BASE_DIR / "manage.py", "qcluster"],
            env={**os.environ, signs.FOLDER: str(self.folder), broker.INTERVAL: str(self.beat_seconds)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=processes.die_with_parent(signal.SIGTERM),
        )
        self.started_at = time.monotonic()
        self._in_order = False
        log.info("cluster_started", pid=self.cluster.pid)

    def _watch(self):
        """Why the cluster must go, or None when it was asked to stop."""
        alive_at, ordered_at = self.started_at, 0
        while not self.stopping.wait(LOOKS_EVERY):
            if self.cluster.poll() is not None:
                return f"its master process ended with status {self.cluster.returncode}"
            now = time.monotonic()
            if not self._in_order and now - ordered_at > PUT_IN_ORDER_EVERY:
                self._put_in_order()
                ordered_at = time.monotonic()
            self.teller.tell()
            if self.signs.somebody_works(within=LONGEST_JOB_SECONDS):
                alive_at = now
            beat_at = self.signs.last_beat()
            alive_at = max(alive_at, beat_at or 0)
            patience = self.stale_seconds if beat_at else max(self.stale_seconds, STARTING_SECONDS)
            if now - alive_at > patience:
                return f"no sign of life for {patience:g} seconds"
        return None

    def _let_finish(self):
        log.info("cluster_stopping", pid=self.cluster.pid)
        self.cluster.terminate()
        try:
            self.cluster.wait(self.stopping_seconds)
        except subprocess.TimeoutExpired:
            # Every job may be killed anywhere, and the next worker does it again.
            log.warning("cluster_killed", reason=f"busy for {self.stopping_seconds:g} seconds", pid=self.cluster.pid)

    def _put_in_order(self):
        """Free what dead clusters held, and see that the clockwork is there. Tried again while the database is away."""
        try:
            hand_back(self._held)
            self._held.clear()
            if not self.stopping.is_set():
                schedules.sync()
                schedules.start_jobs()
            self._in_order = True
        except DatabaseError as error:
            log.warning("database_not_reached", reason=str(error))
        finally:
            connections.close_all()


def hand_back(jobs):
    """Free queue rows whose cluster is gone; answers how many were unfinished."""
    now = timezone.now()
    return OrmQ.objects.filter(pk__in=jobs, lock__gt=now).update(lock=now)


def take_over_leftovers(folder):
    """Remove the folders of this host's watchdogs that were killed; answers the queue rows their clusters held."""
    held = set()
    for path in folder.glob(f"worker-{socket.gethostname()}-*"):
        pid = path.name.rpartition("-")[2]
        # In a container the watchdog has the same number in every life.
        if pid.isdigit() and (int(pid) == os.getpid() or not processes.is_alive(int(pid))):
            held |= signs.Signs(path).taken()
            shutil.rmtree(path, ignore_errors=True)
    return held
