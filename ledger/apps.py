from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    name = "ledger"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        # A management signal, not a model signal: on SQLite any later AlterField drops triggers silently.
        from ledger import checks, triggers  # noqa: F401

        post_migrate.connect(triggers.install_after_migrate, dispatch_uid="ledger.triggers")
