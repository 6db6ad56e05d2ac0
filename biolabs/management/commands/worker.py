from django.core.management.base import BaseCommand

from biolabs.watchdog import Watchdog


class Command(BaseCommand):
    help = "Do the jobs of the queue, watched: a cluster that stops working is killed and started again."

    def add_arguments(self, parser):
        parser.add_argument("--beat-seconds", type=float, default=5, help="how often a heartbeat passes through")
        parser.add_argument("--stale-seconds", type=float, default=30, help="silence after which it is restarted")

    def handle(self, *args, beat_seconds, stale_seconds, **options):
        Watchdog(beat_seconds=beat_seconds, stale_seconds=stale_seconds).run()
