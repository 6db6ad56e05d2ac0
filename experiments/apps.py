from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    name = "experiments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from experiments.chains import TIMELINES
        from ledger.chain import register
        from portal import navigation

        register(TIMELINES)
        navigation.register(navigation.NavItem("Executions", "execution_list", icon="play", order=20))
        navigation.register(navigation.NavItem("Protocols", "protocol_list", icon="book", order=40))
        navigation.register(navigation.NavItem("Inventory", "inventory_list", icon="flask", order=45))
        navigation.register_search("execution_list")
