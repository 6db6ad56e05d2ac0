from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from governance.audit import AUDIT_LOGS
        from ledger.chain import register

        register(AUDIT_LOGS)
