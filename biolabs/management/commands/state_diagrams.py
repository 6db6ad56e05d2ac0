from django.conf import settings
from django.core.management.base import BaseCommand

from biolabs.state_diagrams import document


class Command(BaseCommand):
    help = "Draw docs/states.md from the tables of lawful moves."

    def handle(self, *args, **options):
        path = settings.BASE_DIR / "docs" / "states.md"
        path.write_text(document(), encoding="utf-8")
        self.stdout.write(f"Wrote {path.name}.")
