from django.apps import AppConfig


class BiolabsConfig(AppConfig):
    name = "biolabs"
