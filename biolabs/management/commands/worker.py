from django.core.management.base import BaseCommand

from biolabs.watchdog import Watchdog


class Command(BaseCommand):
    help = "Do the jobs of the queue, watched: a cluster that stops working is killed and started again."

    def add_arguments(self, parser):
        for name, seconds, meaning in (
            ("beat", 5, "how often a heartbeat passes through"),
            ("stale", 30, "silence after which the cluster is started again"),
            ("stopping", 10, "what jobs in hand get to finish when the worker is stopped"),
            ("longest-pause", 30, "the most it waits between clusters that end at once; it begins with one second"),
        ):
            parser.add_argument(f"--{name}-seconds", type=float, default=seconds, help=meaning)

    def handle(self, *args, **options):
        chosen = ("beat_seconds", "stale_seconds", "stopping_seconds", "longest_pause_seconds")
        Watchdog(**{name: options[name] for name in chosen}).run()
