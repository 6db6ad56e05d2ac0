"""A running portal and worker, and people who talk to it over HTTP only."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
ADMIN = ("ada.admin@example.org", "Correct-horse-battery-1")
PASSWORD = "Correct-horse-battery-2"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Portal:
    """Web server and worker over a data folder of their own, stopped together."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {
            **kept,
            "BIOLABS_DATA_DIR": str(folder),
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SUPERUSER_PASSWORD": ADMIN[1],
            **environment,
        }
        self.processes = []

    def manage(self, *arguments, **options):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, check=True, **options
        )

    def start(self, *, demo=False):
        """Prepare an empty portal with one administrator, or the demonstration laboratory, and serve it."""
        self.manage("prepare", stdout=subprocess.DEVNULL)
        if demo:
            self.manage("demo", stdout=subprocess.DEVNULL)
        else:
            self.manage("createsuperuser", "--noinput", f"--email={ADMIN[0]}", "--full_name=Ada Admin")
        gunicorn = Path(sys.executable).with_name("gunicorn")
        self._spawn("web", str(gunicorn), "biolabs.wsgi", f"--bind=127.0.0.1:{self.port}", "--workers=2")
        self._spawn("worker", sys.executable, "manage.py", "worker")
        self._wait_until_healthy()
        return self

    def _spawn(self, name, *command):
        log = (self.folder / f"{name}.log").open("wb")
        self.processes.append(
            subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        )

    def _wait_until_healthy(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/healthz").status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError((self.folder / "web.log").read_text(errors="replace")[-3000:])

    def stop(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sign_in(self, email, password):
        """An API client of a person; it asserts on every answer."""
        answer = httpx.post(f"{self.address}/api/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return Person(self.address, answer.json())


class Person:
    def __init__(self, address, session):
        self.id = session["user"]["id"]
        self.http = httpx.Client(
            base_url=f"{address}/api", headers={"Authorization": f"Bearer {session['token']}"}, timeout=60
        )

    def get(self, path, **options):
        return self._answer(self.http.get(path, **options), 200)

    def post(self, path, body=None, *, expect=201, **options):
        return self._answer(self.http.post(path, json=body, **options), expect)

    def upload(self, path, content_type, execution_id):
        with path.open("rb") as stream:
            answer = self.http.post(
                "/files", files={"upload": (path.name, stream, content_type)}, data={"execution_id": execution_id}
            )
        return self._answer(answer, 201)

    @staticmethod
    def _answer(answer, expect):
        assert answer.status_code == expect, f"{answer.request.method} {answer.request.url}: {answer.text}"
        return answer.json() if answer.content else None
