"""What happens by the clock. The table is here, in code; `sync` makes the queue's own table the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django_q.models import Schedule, Task
from django_q.tasks import async_task

from portal.text import duration


@dataclass(frozen=True)
class Job:
    """A function without arguments, by dotted path, every so many minutes; safe to run twice in one period."""

    function: str
    minutes: int
    at_start: bool = False


SCHEDULES = {
    "Bring back packages that were left behind": Job("narratives.packaging.sweep", minutes=1, at_start=True),
    "Remind of stages, flag overdue ones, escalate": Job("approvals.monitor.sweep", minutes=1),
    "Send e-mails that wait": Job("accounts.tasks.sweep_emails", minutes=1, at_start=True),
    "Deliver webhooks that wait": Job("accounts.tasks.sweep_webhooks", minutes=1, at_start=True),
    "Forget old webhook deliveries and idempotency keys": Job("accounts.tasks.prune", minutes=24 * 60),
    "Expire dossiers whose time is over, and tidy their folders": Job("narratives.retention.sweep", minutes=60),
    "Read stored dossiers again": Job("narratives.integrity.sweep", minutes=60),
    "Remove what killed uploads left behind": Job("evidence.storage.clean_drafts", minutes=24 * 60),
    "Forget expired sessions": Job("biolabs.housekeeping.forget_expired_sessions", minutes=24 * 60),
}


def sync():
    """Write SCHEDULES into the queue's table and remove every other row: one bad row would stop them all."""
    with transaction.atomic():
        Schedule.objects.exclude(name__in=SCHEDULES).delete()
        for name, job in SCHEDULES.items():
            wanted = {"func": job.function, "schedule_type": Schedule.MINUTES, "minutes": job.minutes, "repeats": -1}
            wanted |= {"args": None, "kwargs": None, "hook": None, "cluster": None, "cron": None}
            rows = Schedule.objects.filter(name=name)
            if rows.filter(**wanted).count() == rows.count() == 1:
                continue  # a running period is not started anew
            rows.delete()
            Schedule.objects.create(name=name, next_run=timezone.now(), **wanted)


def start_jobs():
    """Enqueue what must not wait for the clock when a worker starts."""
    for name, job in SCHEDULES.items():
        if job.at_start:
            async_task(job.function, task_name=name)


# --- What operators see ---------------------------------------------------------------------------------------------

LATE_AFTER = timedelta(minutes=2)


@dataclass(frozen=True)
class Clockwork:
    """One schedule: `last_run` and `failed_at` may be None; without `next_run` it is missing in the queue's table."""

    name: str
    minutes: int
    last_run: datetime | None
    failed_at: datetime | None
    next_run: datetime | None
    is_late: bool

    @property
    def every(self):
        return duration(timedelta(minutes=self.minutes))


def names():
    """What each scheduled function is called."""
    return {job.function: name for name, job in SCHEDULES.items()}


def by_the_clock(*, now):
    """Every schedule, last and next run and whether it is late, in two queries."""
    rows = {row["name"]: row for row in Schedule.objects.values("name", "next_run", "task", "minutes")}
    # Only columns that are no pickles: whoever writes to that table must not run code here.
    ended = Task.objects.filter(func__in=names()).order_by().values("func")
    ended = ended.annotate(good=Max("stopped", filter=Q(success=True)), bad=Max("stopped", filter=Q(success=False)))
    outcomes = {row["func"]: row for row in ended}
    return [
        _clockwork(name, job, rows.get(name), outcomes.get(job.function, {}), now) for name, job in SCHEDULES.items()
    ]


def _clockwork(name, job, row, outcome, now):
    next_run = row["next_run"] if row else None
    # Results are kept for some hours only; a daily job's last start is a period before its next.
    begun = next_run - timedelta(minutes=row["minutes"]) if row and row["task"] else None
    good, bad = outcome.get("good"), outcome.get("bad")
    return Clockwork(
        name=name,
        minutes=job.minutes,
        last_run=max((at for at in (good, bad, begun) if at and at <= now), default=None),
        failed_at=bad if bad and (good is None or bad > good) else None,
        next_run=next_run,
        is_late=next_run is None or next_run < now - LATE_AFTER,
    )
