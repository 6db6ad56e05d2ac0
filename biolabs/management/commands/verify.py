from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from biolabs import invariants


class Command(BaseCommand):
    help = "Check every invariant of the records; exit status 0, or the rows that break one."

    def handle(self, *args, **options):
        faults = list(invariants.faults())
        try:
            call_command("verify_ledger", stdout=self.stdout, stderr=self.stderr)
        except CommandError as error:
            faults += str(error).splitlines()
        if faults:
            raise CommandError("\n".join(faults))
        self.stdout.write("Every invariant holds.")
