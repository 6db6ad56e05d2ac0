from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from governance.ladder_files import LARGEST, definition_of, import_definition, load, rehearse
from governance.policies import can_manage_ladders
from governance.queries import warnings_of
from ledger.canonical import digest
from ledger.errors import Refusal


class Command(BaseCommand):
    help = "Make a draft ladder from a YAML file. Never publishes."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, metavar="E-MAIL", help="the administrator who imports it")
        parser.add_argument("--dry-run", action="store_true", help="check everything, keep nothing")

    def handle(self, *args, file, by, dry_run, **options):
        person = User.objects.active().filter(email=by.strip().lower()).first()
        if person is None or not can_manage_ladders(person):
            raise CommandError(f"{by} is no active person who manages ladders.")
        try:
            with file.open(encoding="utf-8") as opened:
                definition = load(opened.read(LARGEST + 1))
            template = (rehearse if dry_run else import_definition)(definition, by=person)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        except Refusal as refusal:
            lines = [entry["detail"] for entry in getattr(refusal, "errors", [])] or [str(refusal)]
            raise CommandError("\n".join(lines)) from None
        words = "would become" if dry_run else "is now"
        self.stdout.write(f"{file.name} {words} the draft {template} of {definition['template_key']}.")
        for sentence in warnings_of(definition["stages"]):
            self.stderr.write(sentence)
        if not dry_run:
            self.stdout.write(f"sha256 {digest(definition_of(template))}")
