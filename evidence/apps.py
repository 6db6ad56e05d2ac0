from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "evidence"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from evidence.session import notebook_entries, open_notebook
        from experiments.session import register_opening, register_part

        register_part("notebook_entries", notebook_entries)
        register_opening("notebook", open_notebook)
