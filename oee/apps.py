from django.apps import AppConfig


class OeeConfig(AppConfig):
    name = "oee"
    default_auto_field = "django.db.models.BigAutoField"
