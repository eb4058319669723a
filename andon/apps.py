from django.apps import AppConfig


class AndonConfig(AppConfig):
    name = "andon"
    default_auto_field = "django.db.models.BigAutoField"
