from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.transitions_second_factor import remove_second_factor_of
from ledger.errors import Refusal


class Command(BaseCommand):
    help = (
        "Remove the second factor of somebody who lost phone and recovery codes, where no other administrator can: "
        "the way back for the last one. It is recorded with the reason, and the person is told."
    )

    def add_arguments(self, parser):
        parser.add_argument("email", help="the person's e-mail address")
        parser.add_argument("--reason", required=True, help="how you made sure that it is this person")

    def handle(self, *args, email, reason, **options):
        person = User.objects.people().filter(email=email.strip().lower()).first()
        if person is None:
            raise CommandError(f"Nobody here has the e-mail address {email}.")
        try:
            remove_second_factor_of(person.pk, by=User.objects.system(), reason=reason)
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        self.stdout.write(f"{person.printed_name} signs in with the password alone, and was told so.")
