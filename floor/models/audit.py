"""Who did what to what, and when."""

from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    """Append-only: a trigger refuses UPDATE and DELETE."""

    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    action = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=60)
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(name="audit_target", fields=["target_type", "target_id", "at"]),
            models.Index(name="audit_at", fields=["at"]),
        ]
