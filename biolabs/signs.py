"""Signs of life that a cluster's processes leave in a folder for the watchdog of the same host.

Times are CLOCK_MONOTONIC: one clock for every process of a host, and nobody can set it.
"""

import os
import time
from pathlib import Path

from biolabs.processes import is_alive

FOLDER = "BIOLABS_WORKER_FOLDER"  # the watchdog sets it for the cluster it starts
HEARTBEAT = "biolabs.heartbeat.beat"
UNFINISHED_AT_MOST = 200  # far more than a cluster holds in its queues and hands


class Signs:
    def __init__(self, folder):
        self._folder = Path(folder)

    def beat(self):
        (self._folder / "beat").write_text(repr(time.monotonic()))

    def last_beat(self):
        """When the heartbeat last came all the way through, or None."""
        return _time_in(self._folder / "beat")

    def took(self, jobs):
        """Remember the queue rows this cluster took: their lock outlives a killed cluster by far."""
        lines = "".join(f"{job}\n" for job in jobs)
        if lines:
            with (self._folder / "taken").open("a") as file:
                file.write(lines)

    def taken(self):
        """Ids of the rows taken last; those still in the queue's table are unfinished."""
        try:
            lines = (self._folder / "taken").read_text().split()
        except OSError:
            return set()
        return {int(line) for line in lines[-UNFINISHED_AT_MOST:] if line.isdigit()}

    def begin_job(self, job=""):
        (self._folder / f"busy-{os.getpid()}").write_text(f"{time.monotonic()!r} {job}")

    def end_job(self):
        (self._folder / f"busy-{os.getpid()}").unlink(missing_ok=True)

    def somebody_works(self, *, within):
        """A living worker began a job at most `within` seconds ago: then a heartbeat may have to wait."""
        since = time.monotonic() - within
        return any(is_alive(pid) and (_time_in(path) or 0) > since for pid, path in self._busy())

    def jobs(self):
        """`(pid, job, when it began)` of what living workers have in hand, heartbeats apart."""
        found = []
        for pid, path in self._busy():
            begun, job = _time_in(path), _words_in(path)[1:]
            if begun is not None and job and job != [HEARTBEAT] and is_alive(pid):
                found.append((pid, job[0], begun))
        return sorted(found)

    def _busy(self):
        return [(int(path.name.removeprefix("busy-")), path) for path in self._folder.glob("busy-*")]


def of_this_cluster():
    """The signs this process should leave, or None outside a watched cluster."""
    return Signs(os.environ[FOLDER]) if FOLDER in os.environ else None


def _time_in(path):
    try:
        return float(_words_in(path)[0])
    except (IndexError, ValueError):
        return None  # not there, or half written


def _words_in(path):
    try:
        return path.read_text().split()
    except OSError:
        return []
