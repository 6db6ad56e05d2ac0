"""Workers that are killed and workers at the same time, as processes of their own, on the database under test."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django_q.models import OrmQ

from evidence.transitions import store_file
from narratives import packaging
from narratives.bag import CHUNK
from narratives.enums import PackageStatus
from narratives.models import Package
from narratives.tests import packaging_lab as at
from narratives.tests.conftest import make_lab

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stores")]
ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1024**2


@pytest.fixture
def surroundings(stores):
    """The environment of another process on the same database, files and key."""
    chosen = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{chosen['NAME']}"
    else:
        address = f"postgresql://postgres@/{chosen['NAME']}?host={chosen['HOST'] or chosen['OPTIONS'].get('host')}"
    given = {"DATABASE_URL": address, "BIOLABS_DATA_DIR": str(stores), "DJANGO_SETTINGS_MODULE": "biolabs.settings"}
    given |= {"SIGNING_KEY_FILE": str(settings.SIGNING_KEY_FILE), "PACKAGING_MAX_ATTEMPTS": "100"}
    return {name: value for name, value in os.environ.items() if name != "BIOLABS_TEST_DATABASE"} | given


def worker(package, surroundings, *, deadly=0, **options):
    command = [sys.executable, "-m", "narratives.tests.killed_worker", str(package.pk), str(deadly)]
    return subprocess.Popen(
        command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def one_worker(*args, **options):
    started = worker(*args, **options)
    told, wrong = started.communicate(timeout=120)
    return started.returncode, told, wrong


def sound(export):
    """Asserts that the one dossier is the right one."""
    package = at.package_of(export)
    assert package.status == PackageStatus.READY
    assert at.packaging_events(export).count("ready") == 1
    kept = [path for path in at.dossier_path(export).parent.iterdir() if path.suffix == ".eln"]
    assert kept == [at.dossier_path(export)]
    return at.dossier_path(export).read_bytes()


def start_over(export):
    """The same package, queued again, as if it had never been built."""
    at.dossier_path(export).unlink(missing_ok=True)
    Package.objects.filter(export=export).update(status=PackageStatus.QUEUED, storage_name="", attempts=0)


def ready_events(export):
    return at.packaging_events(export).count("ready")


def test_a_worker_killed_at_every_step_leaves_one_ready_event_and_the_right_bytes(surroundings, monkeypatch):
    export, steps = at.approved_export(make_lab()), []
    package = at.package_of(export)
    monkeypatch.setattr(packaging, "at_step", steps.append)
    packaging.package(package.pk)
    expected = sound(export)
    # Of the files only the first and the last: each step is a process to start.
    wrote = [n for n, name in enumerate(steps, 1) if name.startswith("wrote")]
    for n in (n for n in range(1, len(steps) + 1) if n not in wrote[1:-1]):
        start_over(export)
        before = ready_events(export)
        status, told, wrong = one_worker(package, surroundings, deadly=n)
        assert status == -9, (steps[n - 1], told, wrong)
        at.let_time_pass(export, lease_until=True)
        OrmQ.objects.all().delete()
        left = steps[n - 1] != "completed"
        assert packaging.sweep() == OrmQ.objects.count() == left, steps[n - 1]
        if left:
            status, told, wrong = one_worker(package, surroundings)
            assert (status, told[:5]) == (0, "ready"), (steps[n - 1], told, wrong)
        assert ready_events(export) == before + 1, steps[n - 1]
        assert at.dossier_path(export).read_bytes() == expected, steps[n - 1]
        assert [path.name for path in at.dossier_path(export).parent.iterdir()] == [at.dossier_path(export).name]
    assert steps[-1] == "completed"


def test_two_workers_at_once_make_one_dossier(surroundings):
    export = at.approved_export(make_lab())
    both = [worker(at.package_of(export), surroundings) for _ in range(2)]
    told = sorted(each.communicate(timeout=120)[0].split(",")[0].strip() for each in both)
    assert told == ["nothing to do", "ready"]
    sound(export)
    assert at.packaging_events(export) == ["queued", "started", "ready"]
    assert at.package_of(export).attempts == 1


class Large:
    """An upload of 300 MB that is never whole in memory."""

    name, content_type, size = "large.bin", "application/octet-stream", 300 * MEGABYTE

    def chunks(self):
        piece = bytes(range(256)) * (CHUNK // 256)
        return (piece for _ in range(self.size // CHUNK))


def test_memory_does_not_grow_with_the_evidence(surroundings):
    lab = make_lab()
    export = at.approved_export(lab, files=[store_file(Large(), by=lab.jonas, execution=lab.execution)])
    # Less room for data than the file is large: reading it whole would fail.
    room = 290 * MEGABYTE
    status, told, wrong = one_worker(
        at.package_of(export),
        surroundings,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (room, room)),
    )
    assert (status, told[:5]) == (0, "ready"), wrong
    assert at.dossier_path(export).stat().st_size > Large.size
