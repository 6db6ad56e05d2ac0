import fcntl
import os
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from biolabs import schedules


class Command(BaseCommand):
    help = "Everything a new release needs before it serves: migrate, cache table, static files, schedules."

    def handle(self, *args, **options):
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)  # also where Redis was given up since the last migration
        with one_at_a_time(settings.STATIC_ROOT):
            call_command("collectstatic", interactive=False, verbosity=0)
        schedules.sync()
        self.stdout.write("Database, static files and schedules are ready.")


@contextmanager
def one_at_a_time(folder):
    """Two collections into one folder at once take away each other's files; the second waits for the first."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
