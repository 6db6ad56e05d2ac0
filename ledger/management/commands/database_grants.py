from django.core.management.base import BaseCommand, CommandError

from ledger import grants


class Command(BaseCommand):
    help = (
        "Print the SQL that gives the application's role on PostgreSQL what it needs and no right to rewrite records. "
        "Run it as the owner of the tables, after each migrate."
    )

    def add_arguments(self, parser):
        parser.add_argument("role", help="the role of DATABASE_URL of web and worker; it is not the tables' owner")

    def handle(self, *args, role, **options):
        if not role.strip() or "\x00" in role or len(role.encode()) > 63:
            raise CommandError("A role's name has 1 to 63 bytes.")
        for line in grants.statements(role):
            self.stdout.write(line)
