from django.apps import AppConfig


class NarrativesConfig(AppConfig):
    name = "narratives"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from narratives import receivers
        from portal.navigation import NavItem, register

        receivers.connect()
        register(NavItem("Exports", "export_list", icon="document", order=30))
