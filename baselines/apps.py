from django.apps import AppConfig


class BaselinesConfig(AppConfig):
    name = "baselines"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from baselines.history import BASELINE_EVENTS
        from ledger.chain import register

        register(BASELINE_EVENTS)
