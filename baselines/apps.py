from django.apps import AppConfig


class BaselinesConfig(AppConfig):
    name = "baselines"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from baselines.history import BASELINE_EVENTS
        from ledger.chain import register

        register(BASELINE_EVENTS)
        self._register_pages()

    def _register_pages(self):
        from baselines import panels
        from baselines.queries import count_to_review
        from experiments.panels import EXECUTION, PROTOCOL, register_panel
        from portal.navigation import NavItem, register

        register(
            NavItem(
                "Baselines", "baseline_list", icon="layers", order=35, count=count_to_review, count_words="to review"
            )
        )
        register_panel(EXECUTION, "baselines/_following.html", panels.execution_panel)
        register_panel(PROTOCOL, "baselines/_protocol_panel.html", panels.protocol_panel)
