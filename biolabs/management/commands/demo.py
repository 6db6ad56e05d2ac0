from django.core.management.base import BaseCommand

from accounts.models import User
from biolabs.demo.laboratory import Laboratory, is_empty, sign_ins
from biolabs.demo.people import PASSWORD, PEOPLE


class Command(BaseCommand):
    help = "Fill an empty database with a demonstration laboratory and print its sign-ins."

    def handle(self, *args, **options):
        if is_empty():
            self.stdout.write("Making a demonstration laboratory:")
            Laboratory(self.stdout.write).build()
        elif not User.objects.filter(email=PEOPLE[0].email).exists():
            self.stdout.write("This database has people of its own; nothing was added.")
            return
        self.stdout.write(f"\nSign in with the password {PASSWORD} as one of these:")
        self.stdout.write("\n".join(sign_ins()))
