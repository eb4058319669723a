"""Thin drivers: what is due is asked of the database."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from reports import actions


@shared_task(expires=60)
def start_due(**_: object) -> None:
    """Ask for the reports of shifts that have ended and hand every waiting report to a worker."""
    for report_id in actions.ask_for_ended_shifts(timezone.now()):
        make.delay(report_id=str(report_id))


@shared_task
def make(*, report_id: str, **_: object) -> None:
    actions.make(UUID(report_id), now=timezone.now())
