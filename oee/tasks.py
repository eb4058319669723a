"""Celery drivers; the rules are in oee.actions."""

from celery import shared_task
from django.utils import timezone

from oee.actions import planned_stops
from oee.actions import rebuild as rebuilding
from oee.actions.retention import drop_old_figures


@shared_task(ignore_result=True)
def tidy(**_: object) -> int:
    return drop_old_figures(timezone.now())


@shared_task(name="oee.tasks.rebuild_dirty", ignore_result=True, time_limit=300)
def rebuild_dirty(**_: object) -> int:
    return rebuilding.rebuild_dirty(timezone.now())


@shared_task(name="oee.tasks.end_forgotten_planned_stops", ignore_result=True, time_limit=60, soft_time_limit=50)
def end_forgotten_planned_stops(**_: object) -> int:
    return planned_stops.end_forgotten(timezone.now())
