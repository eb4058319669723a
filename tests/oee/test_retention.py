"""Old details are dropped; what was made of them stays, and stays right."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from floor.models import MachineMinute, RetentionMark, StateEdge
from oee.actions.check import differences
from oee.actions.rebuild import rebuild, rebuild_dirty
from oee.actions.refusals import ImpossibleTime
from oee.actions.retention import drop_old_figures
from oee.actions.standards import restate
from oee.models import HourLoss, HourTotals, LedgerEntry, Stop
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage
from tests.oee.test_rebuild import rows

pytestmark = pytest.mark.django_db
MIDNIGHT = at("00:00", 1)


def two_days() -> Stage:
    """A stop on either day and one across the midnight after which details are kept."""
    stage = make_stage()
    stage.makes(at("07:30"), 50)
    stage.sees("06:00 run, 07:00 stop, 07:20 run, 23:50 stop", until=at("23:55"))
    stage.edges([(at("00:10", 1), "run"), (at("08:00", 1), "stop"), (at("08:20", 1), "run")], until=at("09:00", 1))
    stage.makes(at("08:30", 1), 60)
    rebuild_dirty(at("09:00", 1))
    return stage


def forget(before: datetime) -> None:
    opening = StateEdge.objects.filter(at__lt=before).latest("at")
    StateEdge.objects.filter(at__lt=opening.at).delete()
    MachineMinute.objects.filter(minute__lt=before).delete()
    RetentionMark.objects.create(kind=RetentionMark.Kind.DETAIL, kept_since=before)


def test_rebuilding_from_nothing_leaves_what_cannot_be_derived_any_more() -> None:
    stage = two_days()
    before = rows(stage)
    forget(MIDNIGHT)

    rebuild(stage.line, since=None, now=at("09:00", 1))

    assert rows(stage) == before
    assert differences(stage.line) == []


def test_dropped_totals_of_kept_days_come_back_and_older_ones_are_not_missed_by_the_check() -> None:
    stage = two_days()
    before = rows(stage)
    forget(MIDNIGHT)
    LedgerEntry.objects.filter(started_at__gte=MIDNIGHT).delete()
    for model in (HourTotals, HourLoss):
        model.objects.filter(starts_at__gte=MIDNIGHT).delete()
    assert differences(stage.line) != []

    rebuild(stage.line, since=None, now=at("09:00", 1))

    assert rows(stage) == before


def test_what_was_dropped_cannot_be_judged_anew() -> None:
    stage = two_days()
    forget(MIDNIGHT)
    given: dict[str, Any] = {"by": make_user("eng", "engineer"), "now": at("09:00", 1), "reason": "New cycle"}

    with pytest.raises(ImpossibleTime, match=r"Only figures are kept from before 21\.11\.2026"):
        restate(stage.line, at("06:00"), at("14:00"), **given)


def test_the_ledger_goes_with_the_details_and_totals_stay_for_longer(settings: LazySettings) -> None:
    two_days()
    connection.check_constraints()  # as at the end of the transaction that wrote them
    settings.DETAIL_RETENTION_DAYS, settings.ROLLUP_RETENTION_DAYS = 1, 3
    hours, losses, stops = HourTotals.objects.count(), HourLoss.objects.count(), Stop.objects.count()

    drop_old_figures(at("12:00", 2))

    assert LedgerEntry.objects.earliest("started_at").started_at == MIDNIGHT
    assert (HourTotals.objects.count(), HourLoss.objects.count(), Stop.objects.count()) == (hours, losses, stops)

    drop_old_figures(at("12:00", 4) + timedelta(hours=1))
    assert HourTotals.objects.earliest("starts_at").starts_at == MIDNIGHT
