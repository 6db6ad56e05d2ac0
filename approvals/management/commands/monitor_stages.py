import json
import time

from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from approvals import monitor


class Command(BaseCommand):
    help = "Remind of stages, flag overdue ones and escalate, every minute; prints a JSON line for each pass."

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="one pass, for cron; exit status 1 when a stage failed")
        parser.add_argument("--seconds", type=int, default=60, help="the pause between passes (default 60)")

    def handle(self, *args, once, seconds, **options):
        while True:
            told = monitor.sweep()
            self.stdout.write(json.dumps(told))
            self.stdout.flush()
            if once:
                break
            close_old_connections()
            time.sleep(max(1, seconds))
        if told["failed"]:
            raise CommandError(f"{told['failed']} stages could not be looked after; the log says why.")
