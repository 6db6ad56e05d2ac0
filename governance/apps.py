from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from governance.audit import AUDIT_LOGS
        from ledger.chain import register
        from portal import navigation

        register(AUDIT_LOGS)
        navigation.register(
            navigation.NavItem("Approval ladders", "ladder_list", icon="ladder", section="Governance", order=10)
        )
