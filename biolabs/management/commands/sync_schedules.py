from django.core.management.base import BaseCommand

from biolabs import schedules


class Command(BaseCommand):
    help = "Make the queue's schedules the same as the table in biolabs/schedules.py."

    def handle(self, *args, **options):
        schedules.sync()
        for name, job in schedules.SCHEDULES.items():
            self.stdout.write(f"every {job.minutes} min: {name} ({job.function})")
