"""Jobs for the tests of the queue."""

import os
import time
from pathlib import Path


def note(path):
    Path(path).write_text(str(os.getpid()))


def note_once_allowed(path):
    """Say who works on it, then wait for permission, then write the note."""
    with Path(f"{path}.begun").open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(f"{path}.allowed").exists():
        time.sleep(0.05)
    note(path)
