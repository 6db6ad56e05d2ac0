from django.core.management.base import BaseCommand, CommandError

from approvals import keys
from approvals.models import ApprovalLadder
from approvals.verification import verify_ladder


class Command(BaseCommand):
    help = "Check every signature's seal and chain, and that each ladder's status follows from its signatures."

    def handle(self, *args, **options):
        faults, checked = [], 0
        ladders = ApprovalLadder.objects.select_related("execution__protocol").order_by("created_at", "pk")
        for ladder in ladders.iterator(chunk_size=200):
            checked += 1
            faults += verify_ladder(ladder)
        if faults:
            raise CommandError("\n".join(faults))
        key = keys.current_if_any()
        self.stderr.write(f"Ladders verified: {checked}. The signing key is {key.fingerprint if key else 'not there'}.")
