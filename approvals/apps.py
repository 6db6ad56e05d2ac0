from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from portal.navigation import NavItem, register

        register(NavItem("Working calendars", "calendar_list", icon="clock", section="Governance", order=20))
