from django.apps import AppConfig


class FloorConfig(AppConfig):
    name = "floor"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from floor import checks  # noqa: F401 - registers the check
