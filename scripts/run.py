"""What `make run` does once everything is installed: prepare, fill an empty portal, serve until Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, "manage.py"]
SERVICES = {
    "web server": [sys.executable, "-m", "gunicorn", "biolabs.wsgi", "--log-level", "warning"],
    "worker": [*MANAGE, "worker"],
}
PATIENCE_SECONDS = 25


def main():
    os.chdir(ROOT)
    os.environ.setdefault("LOG_LEVEL", "warning")
    for command in (["prepare"], ["demo"]):
        if subprocess.run([*MANAGE, *command]).returncode:
            sys.exit(1)
    sys.exit(serve())


def serve():
    """Both services until a signal or until one of them ends; answers the exit status."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    # Sessions of their own: Ctrl-C reaches this process only, which then stops both in order.
    services = {name: subprocess.Popen(command, start_new_session=True) for name, command in SERVICES.items()}
    print(f"\nBioLabs is on http://127.0.0.1:{os.environ.get('PORT') or 8000} - Ctrl-C stops it.", flush=True)
    broken = None
    while not ended.wait(0.5):
        broken = next((name for name, process in services.items() if process.poll() is not None), None)
        if broken:
            break
    print(f"The {broken} ended by itself. Stopping." if broken else "\nStopping ...", file=sys.stderr, flush=True)
    stop(services.values())
    return 1 if broken else 0


def stop(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    main()
