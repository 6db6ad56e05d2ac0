"""Races with real processes: each call in one of its own, on the database under test."""

import json
import multiprocessing
import os

from django.db import connections

from ledger.errors import Refusal

PROCESSES = multiprocessing.get_context("fork")
PATIENCE_SECONDS = 60


def at_once(*calls):
    """Run each call in a process of its own, all released together; what each answered, in order."""
    connections.close_all()
    barrier, pipes = PROCESSES.Barrier(len(calls)), [PROCESSES.Pipe(duplex=False) for _ in calls]
    children = [
        PROCESSES.Process(target=_child, args=(call, barrier, pipe[1])) for call, pipe in zip(calls, pipes, strict=True)
    ]
    for child in children:
        child.start()
    answers = [json.loads(pipe[0].recv()) if pipe[0].poll(PATIENCE_SECONDS) else None for pipe in pipes]
    for child in children:
        child.join(PATIENCE_SECONDS)
    return answers


def _child(call, barrier, pipe):
    try:
        barrier.wait(PATIENCE_SECONDS)
        call()
        answer = [200, ""]
    except Refusal as refusal:
        answer = [refusal.status, refusal.sentence]
    except BaseException as error:  # noqa: BLE001 the parent asserts on it
        answer = [500, repr(error)]
    pipe.send(json.dumps(answer))
    pipe.close()
    connections.close_all()
    os._exit(0)  # nothing of the test session is torn down here
