from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from approvals.transitions_key import rotate_signing_key
from ledger.errors import Refusal


class Command(BaseCommand):
    help = (
        "Make a new signing key and keep the old one's public half, so that its signatures stay verifiable. "
        "It is recorded who did it and why; web and workers use the new key at once."
    )

    def add_arguments(self, parser):
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the administrator who does it")
        parser.add_argument("--reason", required=True, help="why the key is changed")

    def handle(self, *args, by, reason, **options):
        person = User.objects.people().filter(email=by.strip().lower()).first()
        if person is None:
            raise CommandError(f"Nobody here has the e-mail address {by}.")
        try:
            key = rotate_signing_key(by=person, reason=reason)
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        except OSError as error:
            raise CommandError(f"The new key could not be put in its place: {error}") from error
        self.stdout.write(f"Signatures are sealed with {key.fingerprint} from now on. Publish it; back up the key.")
