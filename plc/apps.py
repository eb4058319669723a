from django.apps import AppConfig


class PlcConfig(AppConfig):
    name = "plc"
    default_auto_field = "django.db.models.BigAutoField"
