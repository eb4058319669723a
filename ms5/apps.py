from django.apps import AppConfig
from django.contrib.admin import apps as admin


class Ms5Config(AppConfig):
    name = "ms5"
    default = True

    def ready(self) -> None:
        from ms5 import checks  # noqa: F401 - registers the checks


class AdminConfig(admin.AdminConfig):
    """Django's admin under our matrix of roles."""

    default = False
    default_site = "ms5.admin.PlantAdmin"
