from django.core.management.base import BaseCommand

from evidence.storage import ABANDONED_AFTER, clean_drafts


class Command(BaseCommand):
    help = "Remove what killed uploads left behind. Safe to run at any time."

    def add_arguments(self, parser):
        parser.add_argument(
            "--older-than", type=int, default=ABANDONED_AFTER, metavar="SECONDS", help="untouched for so long"
        )

    def handle(self, *args, older_than, **options):
        removed = clean_drafts(max(0, older_than))
        self.stdout.write(f"{removed} abandoned uploads removed.")
