"""Thin drivers: what is due is asked of the database."""

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from reports import actions

logger = logging.getLogger(__name__)


@shared_task
def start_due(**_: object) -> None:
    """Ask for the reports of shifts that have ended and hand every waiting report to a worker."""
    for report_id in actions.ask_for_ended_shifts(timezone.now()):
        hand_out(report_id)


@shared_task
def make(*, report_id: str, **_: object) -> None:
    actions.make(UUID(report_id), now=timezone.now())


def hand_out(report_id: UUID) -> None:
    """Wake a worker. When the broker is away the next round of `start_due` finds the row."""
    try:
        make.apply_async(kwargs={"report_id": str(report_id)}, retry=False)
    except OperationalError:
        logger.info("report_waits_for_broker", extra={"report": str(report_id)})
