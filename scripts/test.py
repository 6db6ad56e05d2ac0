"""What `make test` does: every part, the browser's beside the others. `scripts/test.py PART...` runs some."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
MINUTES_PER_PART = 25
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RUNNING = set()

PYTEST = [sys.executable, "-m", "pytest", "-q"]
CORES = os.cpu_count() or 2
# One more than cores: tests of real processes mostly wait. Who has no test left takes some from the others.
ON_ALL_CORES = ["-n", str(min(5, max(2, CORES) + 1)), "--dist", "worksteal"]
ALL_REQUIREMENTS = ["requirements.txt", "requirements-dev.txt", "requirements-e2e.txt"]
LINT = [
    ["-m", "ruff", "check", "--quiet", "."],
    ["-m", "ruff", "format", "--check", "--quiet", "."],
    ["-m", "djlint", "--lint", "--quiet", "templates"],
    ["manage.py", "check", "--fail-level", "WARNING"],
    ["manage.py", "makemigrations", "--check", "--dry-run"],
    ["manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
]


def main(wanted):
    os.chdir(ROOT)
    chosen = wanted or list(PARTS)
    outcomes = dict.fromkeys(PARTS[name][0] for name in chosen)
    if "browser" in chosen and CHROMIUM and run([sys.executable, "scripts/install.py", *ALL_REQUIREMENTS], os.environ):
        return 1
    with ThreadPoolExecutor(1) as pool, tempfile.TemporaryFile("w+") as output:
        # Its tests wait for pages most of the time: they run beside the others, and are shown at the end.
        beside = pool.submit(PARTS["browser"][1], output) if len(chosen) > 1 and "browser" in chosen else None
        for name in chosen:
            title, part = PARTS[name]
            print(f"\n=== {title} ===", flush=True)
            if name == "browser" and beside:
                outcomes[title] = beside.result()
                output.seek(0)
                shutil.copyfileobj(output, sys.stdout)
            else:
                outcomes[title] = part()
    print("\nBioLabs: " + ", ".join(f"{title} {words}" for title, (words, _) in outcomes.items()) + ".")
    return 0 if all(fine for _, fine in outcomes.values()) else 1


def lint():
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "biolabs.test_settings"}
    with ThreadPoolExecutor(CORES) as pool:
        statuses = list(pool.map(lambda words: run([sys.executable, *words], environment), LINT))
    failed = [words for words, status in zip(LINT, statuses, strict=True) if status]
    for words in failed:
        print(f"FAILED: {' '.join(words)}", flush=True)
    return ("failed" if failed else "clean"), not failed


def on_sqlite():
    return pytest("sqlite", ON_ALL_CORES)


def on_postgresql():
    return pytest("postgresql", ON_ALL_CORES)


def in_browser(output=None):
    if not CHROMIUM:
        return "skipped, no chromium", True
    if not list(ROOT.glob("tests/e2e/test_*.py")):
        return "has no tests yet", True
    return pytest("sqlite", ["-m", "e2e", "tests/e2e"], output)


def pytest(database, arguments, output=None):
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        status = run(
            [*PYTEST, *arguments, f"--junitxml={report}", *os.environ.get("PYTEST_ARGS", "").split()],
            {**os.environ, "BIOLABS_TEST_DATABASE": database},
            output,
        )
        words, passed = counted(report)
    return words, status == 0 and passed > 0


def counted(report):
    try:
        suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314  (pytest's own file)
        suites = [
            {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")} for suite in suites
        ]
    except (OSError, ET.ParseError):
        return "did not finish", 0
    failed = sum(suite["failures"] + suite["errors"] for suite in suites)
    skipped = sum(suite["skipped"] for suite in suites)
    passed = sum(suite["tests"] for suite in suites) - failed - skipped
    words = [f"{failed} FAILED"] * bool(failed) + [f"{passed} passed"] + [f"{skipped} skipped"] * bool(skipped)
    return " ".join(words), passed


def run(command, environment, output=None):
    """The exit status; a part that hangs is ended with all it started, so that the others are heard."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
    )
    RUNNING.add(process)
    try:
        return process.wait(MINUTES_PER_PART * 60)
    except KeyboardInterrupt:
        for each in list(RUNNING):
            end(each)
        sys.exit("Stopped.")
    except subprocess.TimeoutExpired:
        end(process)
        print(f"Ended after {MINUTES_PER_PART} minutes.", flush=True)
        return 1
    finally:
        RUNNING.discard(process)


def end(process):
    """SIGTERM to the process and all it started, then SIGKILL."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


PARTS = {
    "lint": ("lint", lint),
    "sqlite": ("SQLite", on_sqlite),
    "postgresql": ("PostgreSQL", on_postgresql),
    "browser": ("browser", in_browser),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
