"""What Prometheus reads: true figures, from the database, by those who may."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from andon.actions import acknowledge, arrive, deliver_pending, escalate_due, reopen, resolve
from andon.models import Call, CallEvent, CallKind, Notification
from floor.actions.heartbeat import beat
from floor.actions.retention import prune_events
from floor.models import CounterEvent, Equipment, MachineMinute, Reconciliation
from ms5.call_figures import settled
from oee.actions.counts import decide_quarantine
from oee.models import HourTotals
from plc.models import Binding, Controller, Link, Tag
from tests.andon.plant import after, make_call, make_crew
from tests.factories import make_line, make_machine, make_user

pytestmark = pytest.mark.django_db
HOUR = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _a_process_that_has_not_added_up_anything_yet() -> None:
    settled.forget()


def scrape() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float | None:
    return scrape().get((name, frozenset(labels.items())))


def hour(machine: Equipment, starts_at: datetime, made: int, rejected: int) -> None:
    HourTotals.objects.create(
        equipment=machine,
        line=machine.line,
        work_date=starts_at.date(),
        shift_name="Day",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        made=made,
        rejected=rejected,
    )


def minute(machine: Equipment, at: datetime, made: int, rejected: int = 0) -> None:
    MachineMinute.objects.create(equipment=machine, minute=at, made=made, rejected=rejected)


def test_parts_are_counted_once_from_finished_hours_and_the_minutes_since() -> None:
    machine = make_machine(make_line("L-BAG1"))
    for hours_ago, made in ((2, 1000), (1, 900)):
        hour(machine, HOUR - timedelta(hours=hours_ago), made, 10)
        minute(machine, HOUR - timedelta(hours=hours_ago), made, 10)
    hour(machine, HOUR, 40, 1)
    minute(machine, HOUR, 40, 1)
    minute(machine, HOUR + timedelta(minutes=1), 5)  # not folded yet

    assert value("production_parts_total", line_id="L-BAG1", quality="good") == 1900 - 20 + 45 - 1
    assert value("production_parts_total", line_id="L-BAG1", quality="scrap") == 21


def test_a_line_that_was_never_derived_counts_its_minutes() -> None:
    machine = make_machine(make_line("L-NEW"))
    minute(machine, HOUR, 12)

    assert value("production_parts_total", line_id="L-NEW", quality="good") == 12


def test_what_differs_from_the_counters_is_told_for_a_day_whatever_its_sign() -> None:
    machine, right = make_machine(make_line("L-BAG1")), make_machine(make_line("L-BAG2"))
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for owner, hours_ago, difference in ((machine, 1, -15), (machine, 3, 2), (machine, 30, 400), (right, 1, 0)):
        Reconciliation.objects.create(
            equipment=owner, counter="made", hour=this_hour - timedelta(hours=hours_ago), booked=0, in_minutes=0,
            expected=0, difference=difference, reconciled_at=this_hour,
        )  # fmt: skip

    assert value("ms5_count_reconciliation_difference_parts", line_id="L-BAG1") == 17
    assert value("ms5_count_reconciliation_difference_parts", line_id="L-BAG2") == 0


def test_what_counters_did_is_counted_by_controller_and_never_falls_when_old_events_are_dropped() -> None:
    machine, now = make_machine(make_line("L-BAG1")), timezone.now()
    controller = Controller.objects.create(code="PLC-1", kind="logix", host="10.0.0.1")
    tag = Tag.objects.create(controller=controller, name="count", address="Count.ACC", data_type="DINT")
    Binding.objects.create(tag=tag, equipment=machine, meaning="total_count")
    for days_ago in (400, 399, 1):
        CounterEvent.objects.create(
            equipment=machine, counter="made", kind="reset", at=now - timedelta(days=days_ago), after=0, delta=0
        )
    assert value("ms5_counter_anomalies_total", station="PLC-1", kind="reset") == 3

    assert prune_events(now) == 2

    assert CounterEvent.objects.count() == 1
    assert value("ms5_counter_anomalies_total", station="PLC-1", kind="reset") == 3
    assert value("ms5_counter_anomalies_total", station="PLC-1", kind="wrap") == 0


def test_parts_that_wait_for_a_decision_are_counted_by_line_until_somebody_decides() -> None:
    machine, now = make_machine(make_line("L-BAG1")), timezone.now()
    make_machine(make_line("L-BAG2"))
    event = CounterEvent.objects.create(
        equipment=machine, counter="made", kind="quarantine", at=now, before=1, after=99_999, delta=99_998
    )
    assert value("ms5_counts_waiting_for_decision", line_id="L-BAG1") == 1
    assert value("ms5_counts_waiting_for_decision", line_id="L-BAG2") == 0

    decide_quarantine(
        event, accept=False, by=make_user("eng", "engineer"), now=now, request_id=uuid4(), comment="Typed in by hand"
    )

    assert value("ms5_counts_waiting_for_decision", line_id="L-BAG1") == 0


def test_an_oee_that_is_not_known_is_absent_and_not_zero() -> None:
    make_machine(make_line("L-BAG1"))

    assert not [name for name, _ in scrape() if name == "oee_score"]


def test_each_line_is_in_exactly_one_state() -> None:
    make_machine(make_line("L-BAG1"))
    states = [number for (name, _), number in scrape().items() if name == "ms5_line_state"]

    assert sorted(states) == [0, 0, 0, 0, 0, 1]
    assert value("ms5_line_state", line_id="L-BAG1", state="nodata") == 1


def test_calls_are_counted_by_what_happened_to_them() -> None:
    kind = CallKind.objects.create(code="help", label="Help", responders=["maintenance"])
    call = Call.objects.create(line=make_line(), kind=kind, priority=3, raised_at=HOUR, raised_by=make_user())
    CallEvent.objects.create(call=call, at=HOUR, what="raised", request_id=uuid4())
    CallEvent.objects.create(call=call, at=HOUR, what="escalated", level=1)

    assert value("andon_events_total", priority="high", status="raised") == 1
    assert value("andon_events_total", priority="high", status="escalated") == 1
    assert value("andon_events_total", priority="low", status="raised") == 0
    assert value("ms5_andon_open", priority="high", state="open") == 1


def test_waiting_times_run_from_the_call_and_again_from_its_reopening() -> None:
    crew = make_crew()
    call = make_call(by=crew["operator"])
    arrive(call, by=crew["maintenance"], now=after(seconds=100))  # without having acknowledged
    resolve(call, "Fixed", by=crew["maintenance"], now=after(minutes=20))
    reopen(call, "Broken again", by=crew["operator"], now=after(hours=2))
    acknowledge(call, by=crew["maintenance"], now=after(hours=2, seconds=30))
    arrive(call, by=crew["maintenance"], now=after(hours=2, seconds=50))

    found = scrape()

    def waited(wait: str, part: str, **labels: str) -> float:
        return found[f"ms5_andon_{wait}_seconds_{part}", frozenset({"priority": "high", **labels}.items())]

    assert (waited("ack", "count"), waited("ack", "sum")) == (2, 130)
    assert (waited("ack", "bucket", le="15.0"), waited("ack", "bucket", le="30.0")) == (0, 1)
    assert (waited("arrive", "count"), waited("arrive", "sum")) == (2, 150)
    assert (waited("resolve", "count"), waited("resolve", "sum")) == (1, 1200)


def test_late_steps_are_counted_by_level_and_steps_that_nobody_took_are_told() -> None:
    crew = make_crew()
    make_call(by=crew["operator"])

    assert (value("ms5_andon_overdue_unescalated") or 0) > 0  # a call from last March
    escalate_due(after(minutes=5, seconds=7))

    assert value("ms5_andon_escalation_lateness_seconds_bucket", level="1", le="5.0") == 0
    assert value("ms5_andon_escalation_lateness_seconds_bucket", level="1", le="10.0") == 1
    assert value("ms5_andon_escalation_lateness_seconds_bucket", level="0", le="0.5") == 1
    assert value("ms5_andon_escalation_lateness_seconds_count", level="3") == 0


def test_messages_are_counted_by_channel_and_what_became_of_them() -> None:
    crew = make_crew()
    call = make_call(by=crew["operator"])
    assert value("ms5_outbox_pending", channel="email") == 1
    assert value("ms5_outbox_pending", channel="in_app") == 0
    assert value("ms5_outbox_oldest_timestamp_seconds", channel="email") == call.raised_at.timestamp()
    assert value("ms5_notifications_total", channel="in_app", result="sent") == 1
    assert value("ms5_notifications_total", channel="email", result="sent") == 0

    deliver_pending(after(minutes=1))
    settled.forget()

    assert value("ms5_notifications_total", channel="email", result="sent") == 1
    assert value("ms5_outbox_pending", channel="email") == 0
    assert value("ms5_outbox_oldest_timestamp_seconds", channel="email") is None
    Notification.objects.filter(channel="email").update(sent_at=None, failed_at=after(minutes=2))
    settled.forget()
    assert value("ms5_notifications_total", channel="email", result="failed") == 1


def test_what_was_added_up_before_and_what_came_since_are_told_together() -> None:
    crew = make_crew()
    make_call(by=crew["operator"], at=timezone.now() - timedelta(days=3))
    make_call(by=crew["operator"], at=timezone.now() - timedelta(hours=1))
    assert value("andon_events_total", priority="high", status="raised") == 2

    make_call(by=crew["operator"], at=timezone.now())

    assert value("andon_events_total", priority="high", status="raised") == 3
    settled.forget()  # another web process
    assert value("andon_events_total", priority="high", status="raised") == 3


def test_every_figure_of_calls_is_there_before_anybody_has_called() -> None:
    found = scrape()
    names = {name for name, _ in found}

    assert {f"ms5_andon_{wait}_seconds_count" for wait in ("ack", "arrive", "resolve")} < names
    assert "ms5_andon_escalation_lateness_seconds_count" in names
    assert value("ms5_andon_overdue_unescalated") == 0
    assert {
        number for (name, _), number in found.items() if name.startswith(("andon_", "ms5_andon", "ms5_outbox"))
    } == {0}


def test_controllers_and_processes_tell_when_they_were_last_seen() -> None:
    now = timezone.now()
    controller = Controller.objects.create(code="PLC1", name="PLC 1", kind="logix", host="10.0.0.1")
    Link.objects.create(controller=controller, last_ok_at=now)
    beat("escalator", "here", now)

    assert value("ms5_plc_last_good_read_timestamp_seconds", station="PLC1") == pytest.approx(now.timestamp())
    assert value("ms5_screens", sound="off") == 0
    assert value("ms5_heartbeat_timestamp_seconds", component="escalator", instance="here") == pytest.approx(
        now.timestamp()
    )


def test_requests_are_counted_by_route_and_not_by_address() -> None:
    for _ in range(2):
        Client().get(f"/nothing/{uuid4()}")
    Client().generic("BREW", "/health/live")
    found = scrape()

    endpoints = {dict(labels)["endpoint"] for name, labels in found if name == "http_requests_total"}
    methods = {dict(labels)["method"] for name, labels in found if name == "http_requests_total"}
    assert "unmatched" in endpoints
    assert not any("nothing" in endpoint for endpoint in endpoints)
    assert "BREW" not in methods


def test_strangers_read_no_metrics_without_the_token(settings: LazySettings) -> None:
    away = Client(REMOTE_ADDR="203.0.113.9")
    settings.METRICS_TOKEN = "t" * 40

    assert away.get("/metrics").status_code == 403
    assert away.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert away.get("/metrics", headers={"Authorization": f"Bearer {'t' * 40}"}).status_code == 200


def test_without_a_token_an_empty_one_opens_nothing(settings: LazySettings) -> None:
    settings.METRICS_TOKEN = ""
    assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers={"Authorization": "Bearer "}).status_code == 403


def test_metrics_can_be_switched_off(settings: LazySettings) -> None:
    settings.PROMETHEUS_ENABLED = False
    assert Client().get("/metrics").status_code == 404


def test_a_scrape_while_the_database_is_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(now: datetime) -> None:
        raise OperationalError("the server does not answer")

    monkeypatch.setattr("ms5.figures._floor", away)

    assert value("ms5_database_up") == 0
    assert value("http_requests_total", method="GET", endpoint="metrics", status="200")
