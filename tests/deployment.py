"""A deployment of its own for tests that start real processes: data folder, database, environment."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

from tests import postgresql

ROOT = Path(__file__).resolve().parent.parent
ENGINE = os.environ.get("BIOLABS_TEST_DATABASE", "sqlite")


class Deployment:
    """`environment` is all that its processes see; `folder` holds its data and, in `log/`, what they said."""

    def __init__(self, folder, *, database_url=None):
        self.folder = Path(folder)
        (self.folder / "log").mkdir(parents=True)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {**kept, "BIOLABS_DATA_DIR": str(self.folder), "LOG_FORMAT": "json", "LOG_LEVEL": "info"}
        if database_url:
            self.environment["DATABASE_URL"] = database_url

    def manage(self, *words):
        done = subprocess.run(self._command(words), capture_output=True, text=True, **self._options())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name, *words):
        """A `manage.py` process in a session of its own; its lines go to log/NAME."""
        with (self.folder / "log" / name).open("ab") as log:
            return subprocess.Popen(
                self._command(words), stdout=log, stderr=log, start_new_session=True, **self._options()
            )

    def said(self, name):
        return (self.folder / "log" / name).read_text()

    def enqueue(self, function, *arguments):
        self.manage(
            "shell", "-v0", "-c", f"from django_q.tasks import async_task; async_task({function!r}, *{arguments!r})"
        )

    def _command(self, words):
        return [sys.executable, "manage.py", *map(str, words)]

    def _options(self):
        return {"cwd": ROOT, "env": self.environment, "stdin": subprocess.DEVNULL}


class Template:
    """A migrated empty deployment, made once per run by the first test process that asks, copied by all of them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        made = self.folder / "made"
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                made.write_text(self._make())
            self.name = made.read_text()

    def _make(self):
        name = f"template_{uuid.uuid4().hex}"
        original = Deployment(self.folder / name, database_url=self._create(name))
        original.manage("migrate", "-v0")
        return name

    @property
    def database(self):
        """The file of its SQLite."""
        return self.folder / self.name / "biolabs.sqlite3"

    def copy(self, folder):
        database_url = self._create(f"copy_{uuid.uuid4().hex}", template=self.name)
        copy = Deployment(folder, database_url=database_url)
        if ENGINE == "sqlite":
            shutil.copy(self.database, copy.folder)
        return copy

    @staticmethod
    def _create(name, template="template0"):
        if ENGINE == "sqlite":
            return None
        import psycopg

        with psycopg.connect(postgresql.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return postgresql.url().replace("/postgres?", f"/{name}?")


def eventually(check, *, seconds=60):
    """Wait for `check` to answer something true, and answer that; a machine may be slow, so wait long."""
    give_up_at = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < give_up_at, f"it did not happen within {seconds} seconds"
        time.sleep(0.05)
    return answer
