"""What happens by the clock. The table is here, in code; `sync` makes the queue's own table the same."""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task


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
