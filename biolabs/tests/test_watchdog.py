"""The watchdog on real processes: whatever is killed or frozen, the job that comes afterwards is done."""

import os
import re
import signal
import time

import psutil
import pytest

from tests.deployment import eventually

QUICKLY = ("--beat-seconds", 0.5, "--stale-seconds", 4, "--stopping-seconds", 1, "--longest-pause-seconds", 1)


class Worker:
    """`manage.py worker` and the processes below it, found by what they said of themselves."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.process = psutil.Process(deployment.start("worker", "worker", *QUICKLY).pid)

    def ready(self):
        eventually(lambda: all(self.pids(role) for role in ROLES))
        return self

    def pids(self, role):
        """Living processes of this role, in the cluster that runs now; none while one goes and the next comes."""
        try:
            return self._pids(role)
        except psutil.NoSuchProcess:
            return []

    def _pids(self, role):
        if role == "master":
            return [process.pid for process in self.process.children() if "qcluster" in process.cmdline()]
        below = {process.pid: process for process in self.process.children(recursive=True)}
        if role == "sentinel":
            return [pid for pid, process in below.items() if process.ppid() in self._pids("master")]
        said = re.findall(SAID[role], self.deployment.said("worker"))
        return [int(pid) for pid in said if int(pid) in below]

    def told(self):
        """The jobs of each worker that has a row."""
        asked = "from biolabs.models import Worker; print(*(row.jobs for row in Worker.objects.all()), sep='\\n')"
        return self.deployment.manage("shell", "-v0", "-c", asked).split("\n")[:-1]

    def does(self, path):
        self.deployment.enqueue("tests.jobs.note", str(path))
        return eventually(path.exists)

    def stop(self):
        if self.process.is_running():
            below = self.process.children(recursive=True)
            self.process.terminate()
            try:
                self.process.wait(30)
            except psutil.TimeoutExpired:
                self.process.kill()
            for process in below:
                if process.is_running():
                    process.kill()


SAID = {
    "worker": r"ready for work at (\d+)",
    "monitor": r"monitoring at (\d+)",
    "pusher": r"pushing tasks at (\d+)",
}
ROLES = ["master", "sentinel", *SAID]


@pytest.fixture(scope="module")
def lasting_worker(migrated_template, tmp_path_factory):
    worker = Worker(migrated_template.copy(tmp_path_factory.mktemp("watchdog") / "deployment"))
    yield worker
    worker.stop()


@pytest.fixture
def worker(lasting_worker):
    """One for many tests: after each it must be whole again, which is what it is for."""
    return lasting_worker.ready()


@pytest.fixture
def own_worker(deployment):
    worker = Worker(deployment)
    yield worker.ready()
    worker.stop()


def send(number, pids):
    assert pids
    for pid in pids:
        os.kill(pid, number)


def test_a_job_is_done(worker, tmp_path):
    assert worker.does(tmp_path / "note")


@pytest.mark.parametrize("role", ROLES)
def test_a_job_is_done_after_a_kill(worker, tmp_path, role):
    send(signal.SIGKILL, worker.pids(role))  # both idle workers: one of them holds the queue's lock
    assert worker.does(tmp_path / "note")


def test_a_job_is_done_after_a_freeze(worker, tmp_path):
    send(signal.SIGSTOP, worker.pids("pusher"))
    assert worker.does(tmp_path / "note")


def test_the_old_cluster_is_gone_when_the_new_one_works(worker, tmp_path):
    below = worker.process.children(recursive=True)
    send(signal.SIGKILL, worker.pids("sentinel"))
    assert worker.does(tmp_path / "note")
    assert [process.pid for process in below if process.is_running()] == []


def test_the_job_in_the_hands_of_a_killed_cluster_is_done_at_once_by_the_next(worker, tmp_path):
    path, begun = tmp_path / "note", tmp_path / "note.begun"
    worker.deployment.enqueue("tests.jobs.note_once_allowed", str(path))
    eventually(begun.exists)
    send(signal.SIGKILL, worker.pids("master"))
    eventually(lambda: len(begun.read_text().split()) == 2)
    (tmp_path / "note.allowed").touch()
    assert eventually(path.exists)


def test_a_long_job_on_every_worker_is_no_silence(worker, tmp_path):
    notes = [tmp_path / "one", tmp_path / "two"]
    for path in notes:
        worker.deployment.enqueue("tests.jobs.note_once_allowed", str(path))
    begun = [path.with_suffix(".begun") for path in notes]
    eventually(lambda: all(path.exists() for path in begun))
    time.sleep(6)  # longer than the silence that would end the cluster
    for path in notes:
        path.with_suffix(".allowed").touch()
    eventually(lambda: all(path.exists() for path in notes))
    assert [len(path.read_text().split()) for path in begun] == [1, 1]


def test_the_database_tells_what_a_worker_has_in_hand(worker, tmp_path):
    path = tmp_path / "note"
    worker.deployment.enqueue("tests.jobs.note_once_allowed", str(path))
    eventually(lambda: ["tests.jobs.note_once_allowed" in jobs for jobs in worker.told()] == [True])
    (tmp_path / "note.allowed").touch()
    eventually(path.exists)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_leaves_nothing_behind(own_worker, number):
    below = own_worker.process.children(recursive=True)
    own_worker.process.send_signal(number)
    assert own_worker.process.wait(30) == 0
    assert [process.pid for process in below if process.is_running()] == []
    assert list((own_worker.deployment.folder / "run").iterdir()) == []
    assert own_worker.told() == [""]  # an empty line: no worker has a row


def test_a_worker_stopped_in_the_middle_of_a_job_hands_it_to_the_next(own_worker, tmp_path):
    path, begun = tmp_path / "note", tmp_path / "note.begun"
    own_worker.deployment.enqueue("tests.jobs.note_once_allowed", str(path))
    eventually(begun.exists)
    own_worker.stop()
    (tmp_path / "note.allowed").touch()
    assert not path.exists()
    successor = Worker(own_worker.deployment)
    try:
        assert eventually(path.exists)
    finally:
        successor.stop()


def test_a_killed_watchdog_takes_its_cluster_along_and_its_job_is_done_by_the_next(own_worker, tmp_path):
    path, begun = tmp_path / "note", tmp_path / "note.begun"
    own_worker.deployment.enqueue("tests.jobs.note_once_allowed", str(path))
    eventually(begun.exists)
    below = own_worker.process.children(recursive=True)
    own_worker.process.kill()
    send(signal.SIGKILL, [process.pid for process in below if process.pid == int(begun.read_text())])
    eventually(lambda: not any(process.is_running() for process in below))
    (tmp_path / "note.allowed").touch()
    successor = Worker(own_worker.deployment)
    try:
        assert eventually(path.exists)
    finally:
        successor.stop()
    assert len(begun.read_text().split()) == 2
