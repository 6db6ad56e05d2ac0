import json
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from narratives.backfill import backfill, unbound_exports
from narratives.backfill_log import AnomalyLog

WIDTH = 40


class Command(BaseCommand):
    help = (
        "Bind exports of older data that name a ladder template and no snapshot to the published snapshot of that "
        "template, else to its ladder's newest. Safe to run twice, and to go on with after an interruption. What "
        "cannot be bound is told in problems/governance_migration.log in the data folder."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")

    def handle(self, *args, dry_run, **options):
        counts = {"processed": 0, "updated": 0, "anomalies": 0, "dry_run": dry_run}
        log = None if dry_run else self._log()
        progress = Progress(sys.stderr)
        for findings in backfill(by=User.objects.system(), dry_run=dry_run):
            anomalies = [each for each in findings if each.anomaly]
            if log:
                log.append(anomalies)
            counts["processed"] += len(findings)
            counts["updated"] += sum(each.bound for each in findings)
            counts["anomalies"] += len(anomalies)
            progress.show(counts["processed"])
        progress.end()
        self.stdout.write(json.dumps(counts))

    def _log(self):
        path = settings.DATA_DIR / "problems" / "governance_migration.log"
        try:
            return AnomalyLog(path)
        except OSError as error:
            raise CommandError(f"{path} cannot be written, so nothing was changed: {error.strerror}.") from error


class Progress:
    """A bar for a person at a terminal; silent everywhere else."""

    def __init__(self, stream):
        self.stream = stream if stream.isatty() else None
        self.total = unbound_exports().count() if self.stream else 0

    def show(self, done):
        if self.stream:
            filled = WIDTH * min(done, self.total) // max(self.total, 1)
            self.stream.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {done} of {self.total} exports")
            self.stream.flush()

    def end(self):
        if self.stream:
            self.show(self.total)  # those that turned out to name nothing were looked at as well
            self.stream.write("\n")
