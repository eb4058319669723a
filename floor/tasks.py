from celery import shared_task
from django.conf import settings
from django.utils import timezone

from floor.actions.machine import forget_changes
from floor.actions.reconciliation import reconcile_due
from floor.actions.retention import keep_partitions


@shared_task
def tidy(**_: object) -> None:
    """Make the coming days' partitions, drop readings that are too old and forget changes that everybody has seen."""
    now = timezone.now()
    keep_partitions(now, keep_days=settings.READING_RETENTION_DAYS)
    forget_changes(before=now)


@shared_task
def reconcile_counts(**_: object) -> None:
    """Compare the booked parts of finished hours with the counters."""
    reconcile_due(timezone.now())
