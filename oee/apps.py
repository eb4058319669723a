from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OeeConfig(AppConfig):
    name = "oee"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Not a data migration: an emptied database must get its reasons back as well.
        post_migrate.connect(_load_reasons, sender=self)
        post_migrate.connect(_load_defects, sender=self)


def _load_reasons(using: str, **_: object) -> None:
    from django.db import connections

    from oee.actions.reasons import load_reasons
    from oee.models import StopReason

    if StopReason._meta.db_table in connections[using].introspection.table_names():
        load_reasons()


def _load_defects(using: str, **_: object) -> None:
    from django.db import connections

    from oee.actions.defects import load_defects
    from oee.models import DefectReason

    if DefectReason._meta.db_table in connections[using].introspection.table_names():
        load_defects()
