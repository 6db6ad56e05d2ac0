"""The monitor over many stages in progress: time and memory of looking at them, time of flagging overdue ones.

Alone: `python -m bench --monitor`, on SQLite or with BIOLABS_TEST_DATABASE=postgresql.
"""

import tracemalloc
from datetime import timedelta

from django.utils import timezone

from accounts.models import User

MEGABYTE = 1024**2
RUNS = 100
BATCH = 2000
MOST_MEMORY = 10 * MEGABYTE


def measure(bench, count, acting):
    """Rows for `count` stages in progress, of which `acting` are flagged overdue."""
    from approvals import monitor
    from approvals.models import ApprovalStage
    from bench.run import best

    make_stages(bench.lab, count, due_at=timezone.now() + timedelta(days=30))
    every = ApprovalStage.objects.filter(status="in_progress", overdue_notified_at=None)
    bare = best(3, lambda: list(every.values_list("due_at", "id")))
    looking = best(3, monitor.sweep)
    words = f"{count:,} stages in progress"
    bench.compare(f"look at {words}, none due / bare query over them", looking, bare, allowed=0.5)

    watch, later = monitor.WATCHES[1], timezone.now() + timedelta(days=60)

    def find():
        return sum(1 for _ in monitor.due(watch, later))

    bench.compare(f"find {words}, all overdue / bare query over them", best(3, find), bare, allowed=5)
    found, rows = (allocated(work) for work in (find, lambda: list(every.values_list("due_at", "id"))))
    bench.row(
        "memory of finding them / of the bare query",
        f"{found / MEGABYTE:.1f} MB",
        f"{rows / MEGABYTE:.1f} MB",
        found / rows,
        f"{MOST_MEMORY // MEGABYTE} MB",
        kept=found <= MOST_MEMORY,
    )
    flag(bench, every, acting)


def allocated(work):
    """The most that Python held at once, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def flag(bench, every, acting):
    """The best of three rounds each, so that a neighbour's load does not decide."""
    rounds = [_flag_once(every, acting) for _ in range(3)]
    plain, took = (min(times) for times in zip(*rounds, strict=True))
    bench.compare(f"flag {acting:,} overdue stages / an event each in its transaction", took, plain, allowed=6)


def _flag_once(every, acting):
    from approvals import monitor
    from bench.run import timed

    chosen = list(every.values_list("pk", flat=True)[:acting])
    executions = list(every.filter(pk__in=chosen).values_list("ladder__execution_id", flat=True))
    plain = timed(lambda: write_plainly(executions))
    every.filter(pk__in=chosen).update(due_at=timezone.now() - timedelta(hours=1))
    told = {}
    took = timed(lambda: told.update(monitor.sweep()))
    if told["overdue"] != acting:
        raise SystemExit(f"The monitor flagged {told['overdue']} of {acting} stages.")
    return plain, took


def write_plainly(executions):
    """The yardstick of acting: as many events, each under the lock of its run."""
    from experiments.timeline import locked_timeline

    system = User.objects.system()
    for execution_id in executions:
        with locked_timeline(execution_id) as timeline:
            timeline.record("note.late", by=system, payload={"stage": "QA review"})


def make_stages(lab, count, *, due_at):
    """That many ladders with one stage each, spread over RUNS runs; deadlines a millisecond apart."""
    from approvals.models import ApprovalLadder, ApprovalStage

    runs, now = [lab.run(0) for _ in range(RUNS)], timezone.now()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        ladders = ApprovalLadder.objects.bulk_create(
            ApprovalLadder(
                execution=runs[number % RUNS],
                title=f"Export {number}",
                name="Release",
                subject_text=f'{{"id":"{number}","kind":"bench","version":1}}',
                blueprint_text="{}",
                blueprint_digest="0" * 64,
                content_digest="0" * 64,
                requested_by=lab.scientist,
            )
            for number in numbers
        )
        ApprovalStage.objects.bulk_create(
            ApprovalStage(
                ladder=ladder,
                sequence_index=1,
                name="QA review",
                required_role="approver",
                status="in_progress",
                started_at=now,
                due_at=due_at + number * timedelta(milliseconds=1),
            )
            for number, ladder in zip(numbers, ladders, strict=True)
        )
