"""Package one export in a process of its own; prints seconds and memory as JSON: `python -m bench.worker PACKAGE`."""

import json
import sys
import time

import django

from bench.memory import peak, reset


def main():
    django.setup()
    from narratives import packaging

    idle = reset("self")
    began = time.perf_counter()
    told = packaging.package(sys.argv[1])
    print(json.dumps({"seconds": time.perf_counter() - began, "told": told, "above_idle": peak("self") - idle}))


if __name__ == "__main__":
    main()
