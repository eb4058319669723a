"""Moving calls on when their time has come. Any number of processes may do it at once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import OperationalError, transaction
from django.db.models import F

from andon.actions import course
from andon.clock import database_now
from andon.models import EscalationStep, calls_due
from floor import audit, live

log = structlog.get_logger(__name__)

BATCH = 100
POSTPONE = timedelta(seconds=30)


def escalate_due(now: datetime | None = None, batch_done: Callable[[], object] = lambda: None) -> int:
    """Take every step that is due by the database's clock; return how many were taken.

    A call that fails is put aside for half a minute and logged; the others go on. Each batch has its own moment, so
    that steps say when they were taken, in a flood too.
    """
    taken = 0
    while batch := _escalate_batch(now or database_now()):
        taken += batch
        batch_done()
    return taken


def _escalate_batch(now: datetime) -> int:
    """One transaction for many calls; when it fails, one for each of them, to find the one that is broken."""
    claimed: list[UUID] = []
    try:
        return _escalate(now, claimed)
    except OperationalError:
        raise  # the database is away or in trouble; no call is to blame
    except Exception as error:
        log.error("escalation failed, going on call by call", calls=len(claimed), exc_info=error)
    return sum(_escalate_one(call_id, now) for call_id in claimed)


@transaction.atomic
def _escalate(now: datetime, claimed: list[UUID], only: UUID | None = None) -> int:
    """Lock calls that nobody else is moving and take their steps; `claimed` receives their ids."""
    due = calls_due(now).select_related("line__site", "kind", "raised_by")
    if only is not None:
        due = due.filter(pk=only)
    calls = list(due.select_for_update(skip_locked=True, no_key=True, of=("self",)).order_by("pk")[:BATCH])
    claimed += [call.pk for call in calls]
    before = {call.pk: call.level for call in calls}
    taken = course.take_due(course.load(calls), now)
    audit.record_all(
        None, "andon.escalate", now, {call: {"level": call.level, "before": before[call.pk]} for call in calls}
    )
    for line_id in {call.line_id for call in calls}:
        live.changed(line_id, "calls")
    return taken


def _escalate_one(call_id: UUID, now: datetime) -> int:
    try:
        return _escalate(now, [], only=call_id)
    except OperationalError:
        raise
    except Exception as error:
        log.error("call cannot be escalated", call=str(call_id), exc_info=error)
        _postpone(call_id, now)
        return 0


@transaction.atomic
def _postpone(call_id: UUID, now: datetime) -> None:
    steps = EscalationStep.objects.due(now).filter(call_id=call_id)
    steps.update(postponed_until=now + POSTPONE, failures=F("failures") + 1)
