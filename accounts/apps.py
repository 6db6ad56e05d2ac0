from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from accounts.api import schema  # noqa: F401  (its classes register themselves)
        from accounts.queries import unread_count
        from portal.navigation import NavItem, register

        register(
            NavItem("Notifications", "notifications", "bell", "top", order=10, count=unread_count, count_words="unread")
        )
        register(NavItem("Your account", "account", "person", "account", order=10))
        register(
            NavItem("Webhooks", "webhooks", "arrow-right", "Operate", order=30, visible=lambda user: user.is_admin)
        )
        register(NavItem("People", "user_search", "person", order=90))
