import json

from django.core.management.base import BaseCommand, CommandError

from accounts.transitions_secrets import reencrypt_secrets


class Command(BaseCommand):
    help = (
        "Write the stored secrets of second factors and webhooks anew under the present SECRET_KEY, so that an earlier "
        "one can be dropped from SECRET_KEY_FALLBACKS. Safe to kill and to run again; prints one JSON object."
    )

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="count, and write nothing")

    def handle(self, *args, dry_run, **options):
        summary = reencrypt_secrets(dry_run=dry_run)
        self.stdout.write(json.dumps(summary))
        if lost := summary["unreadable"]:
            raise CommandError(
                f"{len(lost)} secrets can be read under no key of this deployment and were left as they are. If you "
                "have the key they were written under, put it among SECRET_KEY_FALLBACKS and run this again. "
                "Otherwise make new secrets for the webhooks named, and remove the second factors named."
            )
