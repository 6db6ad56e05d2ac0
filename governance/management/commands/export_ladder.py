from django.core.management.base import BaseCommand, CommandError

from governance.ladder_files import definition_of, dump, find_template
from ledger.errors import Refusal


class Command(BaseCommand):
    help = "Print a ladder as YAML: export_ladder KEY or KEY@VERSION."

    def add_arguments(self, parser):
        parser.add_argument("ladder", metavar="KEY[@VERSION]")

    def handle(self, *args, ladder, **options):
        try:
            self.stdout.write(dump(definition_of(find_template(ladder))), ending="")
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
