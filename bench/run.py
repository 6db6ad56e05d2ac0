"""Speed and memory against yardsticks measured in the same run, on this machine; `--quick` for small sizes.

Everything lies in a temporary folder that is removed afterwards. Exit status 1 when a yardstick is missed.
BIOLABS_TEST_DATABASE=postgresql measures on the PostgreSQL of the tests instead of SQLite.
"""

import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1024**2
COLUMNS = "{:<52} {:>12} {:>12} {:>9} {:>9}  {}"


def main():
    options = argparse.ArgumentParser(prog="bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="small sizes, in seconds instead of minutes")
    options.add_argument("--monitor", action="store_true", help="the monitor of stages in progress alone")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="biolabs-bench-"))
    for name in ("DATABASE_URL", "SIGNING_KEY_FILE", "SIGNING_KEYS_RETIRED", "SITE_URL", "ALLOWED_HOSTS", "S3_BUCKET"):
        os.environ.pop(name, None)
    os.environ |= {"BIOLABS_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "bench.settings", "LOG_LEVEL": "error"}
    if os.environ.get("BIOLABS_TEST_DATABASE") == "postgresql":
        from tests import postgresql

        os.environ["DATABASE_URL"] = postgresql.url()
    try:
        missed = Bench(folder, quick=given.quick).run(monitor_only=given.monitor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if missed else 0)


class Bench:
    def __init__(self, folder, *, quick):
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        from bench.lab import Lab

        self.folder, self.quick, self.lab, self.missed = folder, quick, Lab(), 0

    def run(self, *, monitor_only=False):
        print(COLUMNS.format("", "measured", "yardstick", "ratio", "allowed", ""))
        if not monitor_only:
            self.requests()
            count, size = (4, 10 * MEGABYTE) if self.quick else (20, 100 * MEGABYTE)
            package = self.packaging(count, size)
            self.downloads(package)
        self.monitor()
        print(f"\n{self.missed} yardsticks missed." if self.missed else "\nEvery yardstick is kept.")
        return self.missed

    def row(self, what, measured, yardstick, ratio, allowed, *, kept):
        self.missed += not kept
        verdict = "ok" if kept else "MISSED"
        print(COLUMNS.format(what, measured, yardstick, f"{ratio:.2f}", allowed, verdict), flush=True)

    def compare(self, what, took, yardstick, *, allowed):
        """Seconds against seconds; `allowed` times the yardstick at most."""
        measured = [f"{seconds * 1000:.1f} ms" for seconds in (took, yardstick)]
        self.row(what, *measured, took / yardstick, f"{allowed:.2f}", kept=took <= allowed * yardstick)

    # --- requesting an export

    def requests(self):
        from narratives.transitions import request_export

        sizes, earlier = ([10, 100, 1000] if self.quick else [10, 100, 1000, 10_000]), None
        for events in sizes:
            execution = self.lab.run(events)
            took = best(3, lambda execution=execution: request_export(execution.pk, by=self.lab.scientist))
            plain = best(3, lambda execution=execution: read_and_encode(execution))
            last = events == sizes[-1]
            # Small ones are mostly the fixed cost of the transaction; the bound is for the largest.
            self.row(
                f"request an export of {events:,} events / plain read and encode",
                f"{took * 1000:.1f} ms",
                f"{plain * 1000:.1f} ms",
                took / plain,
                "5.00" if last else "-",
                kept=took <= 5 * plain or not last,
            )
            if earlier and last:
                growth = took / earlier[1]
                self.row(
                    f"growth from {earlier[0]:,} to {events:,} events / tenfold",
                    f"x{growth:.1f}",
                    "x10",
                    growth / 10,
                    "1.25",
                    kept=growth <= 12.5,
                )
            earlier = (events, took)

    # --- packaging

    def packaging(self, count, size):
        execution = self.lab.run(200)
        files = [self.lab.file(execution, size, f"plate-{number}.bin") for number in range(count)]
        package = self.lab.approved(execution, files)
        blobs = [self.folder / "evidence" / file.sha256[:2] / file.sha256 for file in files]
        hashing, copying = hash_plainly(blobs), copy_plainly(blobs, self.folder / "copies")
        told = self._in_a_worker(package)
        plain = hashing + copying
        what = f"{count * size / 1024**3:.2f} GB in {count} files"
        self.row(
            f"package {what} / cat | sha256sum + copy",
            f"{told['seconds']:.1f} s",
            f"{plain:.1f} s",
            told["seconds"] / plain,
            "3.00",
            kept=told["seconds"] <= 3 * plain,
        )
        self.memory("worker's peak above idle", told["above_idle"])
        package.refresh_from_db()
        return package

    def _in_a_worker(self, package):
        done = subprocess.run(
            [sys.executable, "-m", "bench.worker", str(package.pk)], cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(done.stderr)
        told = json.loads(done.stdout.splitlines()[-1])
        if not told["told"].startswith("ready"):
            sys.exit(told["told"])
        return told

    def memory(self, what, above_idle):
        limit = 150 * MEGABYTE
        measured = f"{above_idle / MEGABYTE:.0f} MB"
        self.row(what, measured, "150 MB", above_idle / limit, "1.00", kept=above_idle <= limit)

    # --- download

    def downloads(self, package):
        from bench.memory import children, peak, reset

        os.environ["BENCH_FILE"] = str(self.folder / "dossiers" / package.storage_name)
        port = free_port()
        server = self._serve(port)
        try:
            cookie, path = self._session(), f"/exports/{package.export_id}/dossier/"
            wait_for(port)
            download(port, "/healthz", cookie)
            workers = children(server.pid)
            idle = {pid: reset(pid) for pid in workers}
            first = download(port, path, cookie)
            again = min(download(port, path, cookie) for _ in range(3))
            above_idle = max(peak(pid) - idle[pid] for pid in workers)
            bare = min(download(port, "/bare", cookie) for _ in range(3))
            hashing = hash_plainly([Path(os.environ["BENCH_FILE"])])
        finally:
            server.terminate()
            server.wait(30)
        self._speed("download / bare view", package.size, again, bare, allowed=0.5)
        # The first one of a file reads it once to check it: as fast as sha256sum, then as fast as the rest.
        self._speed(
            "first download, verified / sha256sum + bare view", package.size, first, hashing + bare, allowed=0.5
        )
        self.memory("web server's peak above idle", above_idle)

    def _speed(self, what, size, took, yardstick, *, allowed):
        speeds = [f"{size / MEGABYTE / seconds:.0f} MB/s" for seconds in (took, yardstick)]
        self.row(what, *speeds, yardstick / took, f"{allowed:.2f}", kept=yardstick / took >= allowed)

    def _serve(self, port):
        command = [sys.executable, "-m", "gunicorn", "biolabs.wsgi", "--log-level", "error"]
        environment = os.environ | {"PORT": str(port), "WEB_CONCURRENCY": "1"}
        return subprocess.Popen(command, cwd=ROOT, env=environment)

    def _session(self):
        from django.conf import settings
        from django.test import Client

        client = Client()
        client.force_login(self.lab.scientist)
        return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    # --- the monitor of stages in progress

    def monitor(self):
        from bench.monitor import measure

        measure(self, *((5_000, 50) if self.quick else (100_000, 200)))


def best(times, work):
    return min(timed(work) for _ in range(times))


def timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def read_and_encode(execution):
    """The yardstick of a request: the same rows, read and encoded as one would without much thought."""
    from django.core.serializers.json import DjangoJSONEncoder

    return json.dumps(list(execution.events.order_by("sequence").values()), cls=DjangoJSONEncoder)


def hash_plainly(paths):
    names = " ".join(f"'{path}'" for path in paths)
    return timed(lambda: subprocess.run(f"cat {names} | sha256sum", shell=True, check=True, stdout=subprocess.DEVNULL))


def copy_plainly(paths, folder):
    folder.mkdir()
    took = timed(lambda: subprocess.run(["cp", *paths, folder], check=True))
    shutil.rmtree(folder)
    return took


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("The web server did not start.")


def download(port, path, cookie):
    """Seconds for one GET whose body is thrown away."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", path, headers={"Cookie": cookie})
    response, buffer = connection.getresponse(), bytearray(MEGABYTE)
    if response.status != 200:
        sys.exit(f"{path} answered {response.status}: {response.read(500)!r}")
    while response.readinto(buffer):
        pass
    connection.close()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
