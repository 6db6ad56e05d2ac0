from django.core.management import call_command
from django.core.management.base import BaseCommand

from biolabs import schedules


class Command(BaseCommand):
    help = "Everything a new release needs before it serves: migrate, cache table, static files, schedules."

    def handle(self, *args, **options):
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)  # also where Redis was given up since the last migration
        call_command("collectstatic", interactive=False, verbosity=0)
        schedules.sync()
        self.stdout.write("Database, static files and schedules are ready.")
