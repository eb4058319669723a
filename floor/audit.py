"""The one way into the audit log: called inside the action, in its transaction."""

from datetime import datetime

from django.db import models

from floor.models import AuditEntry, User


def record(actor: User | None, action: str, target: models.Model, now: datetime, **detail: object) -> AuditEntry:
    """Write one line. `actor` None means the system itself; `detail` holds what JSON can hold."""
    return AuditEntry.objects.create(
        at=now,
        actor=actor,
        action=action,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        detail=detail,
    )
