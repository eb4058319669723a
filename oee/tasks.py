"""Celery drivers; the rules are in oee.actions."""

from celery import shared_task
from django.utils import timezone

from oee.actions import rebuild as rebuilding
from oee.actions.retention import drop_old_figures


@shared_task(ignore_result=True)
def tidy(**_: object) -> int:
    return drop_old_figures(timezone.now())


@shared_task(name="oee.tasks.rebuild_dirty", ignore_result=True, time_limit=300)
def rebuild_dirty(**_: object) -> int:
    return rebuilding.rebuild_dirty(timezone.now())
