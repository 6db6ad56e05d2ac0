"""A worker in a process of its own, killed at the n-th step: `python -m narratives.tests.killed_worker PACKAGE N`."""

import os
import signal
import sys

import django


def main(package_id, deadly):
    django.setup()
    from narratives import packaging

    steps = []

    def at_step(name):
        steps.append(name)
        if len(steps) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    packaging.at_step = at_step
    sys.stdout.write(f"{packaging.package(package_id)}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
