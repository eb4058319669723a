from celery import current_task, shared_task
from django.utils import timezone

from floor.actions.heartbeat import beat
from floor.actions.machine import forget_changes
from floor.actions.reconciliation import reconcile_due
from floor.actions.retention import drop_old, keep_ahead, prune_events, prune_reconciliations
from floor.actions.screens import forget_screens


@shared_task
def tidy(**_: object) -> None:
    """Make room for the coming days, drop and prune what is too old, forget what nobody needs any more."""
    now = timezone.now()
    keep_ahead(now)
    drop_old(now)
    prune_events(now)
    prune_reconciliations(now)
    forget_changes(before=now)
    forget_screens(now)


@shared_task
def sign_of_life(**_: object) -> None:
    """The worker takes work and does it."""
    beat("worker", current_task.request.hostname or "worker", timezone.now())


@shared_task
def reconcile_counts(**_: object) -> None:
    """Compare the booked parts of finished hours with the counters."""
    reconcile_due(timezone.now())
