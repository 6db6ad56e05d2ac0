"""The log of anomalies: JSON lines, each export and anomaly once, however often the backfill runs."""

import fcntl
import json
import os
from contextlib import contextmanager

from django.utils import timezone

from ledger.canonical import rfc3339


class AnomalyLog:
    """`path` is made with its folder when missing. Raises OSError where it cannot be written."""

    def __init__(self, path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def append(self, findings):
        """Add the findings that are not there yet."""
        wanted = {(str(each.export_id), each.anomaly): each for each in findings}
        if not wanted:
            return
        with self._locked() as file:
            for line in file:
                wanted.pop(_key(line), None)
            # A line that was cut off when a run was killed stays alone.
            torn = file.tell() and not _ends_a_line(file)
            file.write(b"\n" * bool(torn) + b"".join(map(_line, wanted.values())))
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _locked(self):
        with self.path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two runs at once must not both add an export
            yield file


def _ends_a_line(file):
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _key(line):
    try:
        found = json.loads(line)
        return found["export_id"], found["anomaly"]
    except (ValueError, KeyError, TypeError):
        return None


def _line(finding):
    said = {
        "recorded_at": rfc3339(timezone.now()),
        "anomaly": finding.anomaly,
        "export_id": str(finding.export_id),
        "execution_id": str(finding.execution_id),
        "template_id": finding.named.template_id or None,
        "template_key": finding.named.key or None,
        "template_version": finding.named.version or None,
    }
    return json.dumps(said).encode() + b"\n"
