from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    name = "experiments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from experiments.chains import TIMELINES
        from ledger.chain import register

        register(TIMELINES)
