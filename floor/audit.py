"""The one way into the audit log: called inside the action, in its transaction."""

from collections.abc import Mapping
from datetime import datetime

from django.db import models

from floor.models import AuditEntry, User


def record(actor: User | None, action: str, target: models.Model, now: datetime, **detail: object) -> AuditEntry:
    """Write one line. `actor` None means the system itself; `detail` holds what JSON can hold."""
    entry = _entry(actor, action, target, now, detail)
    entry.save(force_insert=True)
    return entry


def record_all(
    actor: User | None, action: str, now: datetime, targets: Mapping[models.Model, Mapping[str, object]]
) -> None:
    """Write one line for each target, with its detail: the same was done to all of them."""
    AuditEntry.objects.bulk_create(_entry(actor, action, target, now, detail) for target, detail in targets.items())


def _entry(
    actor: User | None, action: str, target: models.Model, now: datetime, detail: Mapping[str, object]
) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor=actor,
        action=action,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        detail=dict(detail),
    )
