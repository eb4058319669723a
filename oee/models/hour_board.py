"""What a line does about an hour that went badly, and who looked at it."""

from django.conf import settings
from django.db import models

from floor.models import Line


class Countermeasure(models.Model):
    """Why an hour missed its target and what is done about it. A later one for the same hour replaces the earlier."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="countermeasures")
    hour = models.DateTimeField(help_text="Start of the hour, or of the shift that begins inside it.")
    text = models.CharField(max_length=300)
    who = models.CharField(max_length=60, blank=True, help_text="Who does it.")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True)

    class Meta:
        indexes = [models.Index(name="countermeasure_hour", fields=["line", "hour", "made_at"])]


class HourSignOff(models.Model):
    """A supervisor has seen this hour."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="hour_sign_offs")
    hour = models.DateTimeField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="one_sign_off_per_hour", fields=["line", "hour"])]
