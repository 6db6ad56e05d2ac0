"""Ties between processes that Linux offers and Python has no function for."""

import ctypes
import os
import signal
import time

SET_PARENT_DEATH_SIGNAL = 1
SET_CHILD_SUBREAPER = 36
REAPING_SECONDS = 5


def _control(option, value):
    control = getattr(ctypes.CDLL(None), "prctl", None)
    return control and control(option, value)


def die_with_parent(number):
    """For Popen's preexec_fn: the child gets this signal when its parent dies, however it dies."""
    return lambda: _control(SET_PARENT_DEATH_SIGNAL, number)


def adopt_orphans():
    """Grandchildren whose parent dies become children of this process, so that it can reap them."""
    _control(SET_CHILD_SUBREAPER, 1)


def kill_group(group):
    """SIGKILL every process of the group and reap what became ours."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
    give_up_at = time.monotonic() + REAPING_SECONDS
    while time.monotonic() < give_up_at:
        try:
            reaped, _ = os.waitpid(-group, os.WNOHANG)
        except ChildProcessError:
            return
        if not reaped:
            time.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
