"""Calls from before: their history is kept, and nobody is told again."""

from datetime import UTC, datetime, timedelta

import pytest

from andon.actions import import_calls, seed_rules
from andon.domain.call import Status
from andon.models import Call, CallEvent, CallKind, EscalationStep, Notification
from tests.factories import make_line, make_user

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def past_call(status: Status) -> Call:
    seed_rules()
    milo = make_user("milo", "maintenance")
    kind = CallKind.objects.get(code="maintenance")
    return Call(
        line=make_line(), kind=kind, priority=kind.priority, status=status, raised_at=SIX, raised_by=make_user(),
        acknowledged_at=SIX + timedelta(minutes=2), acknowledged_by=milo,
        resolved_at=SIX + timedelta(minutes=9), resolved_by=milo, resolution="Belt tightened",
    )  # fmt: skip


def test_a_call_from_before_brings_its_history_and_tells_nobody() -> None:
    import_calls([past_call(Status.RESOLVED)])
    assert list(CallEvent.objects.order_by("at").values_list("what", flat=True)) == [
        "raised",
        "acknowledged",
        "resolved",
    ]
    assert not EscalationStep.objects.exists()
    assert not Notification.objects.exists()


def test_an_open_call_is_never_taken_over_without_its_clocks() -> None:
    with pytest.raises(ValueError, match="Only closed calls"):
        import_calls([past_call(Status.OPEN)])
    assert not Call.objects.exists()
