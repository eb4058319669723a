import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from floor.actions.standards import PastIsJudged, Scope, change_ideal_cycle
from floor.models import AuditEntry, Equipment, IdealCycle, Line, Product, ProductNumber, User
from floor.models.shifts import shift_at
from oee.actions.check import differences
from oee.actions.counts import enter_rejects
from oee.actions.planned_stops import plan_stop
from oee.actions.reasons import add_reason, change_loss_class, crowded, load_reasons, reword_reason
from oee.actions.rebuild import rebuild, rebuild_dirty
from oee.actions.refusals import ImpossibleTime
from oee.actions.standards import change_policy, preview, restate, take_back_policy
from oee.actions.stops import code_stop
from oee.evidence.scope import scope_of_shift
from oee.models import HourLoss, HourTotals, LedgerEntry, LinePolicy, ReasonClass, Restatement, Stop, StopReason
from oee.restatements import mark, restatements_of
from oee.rows import primary_machine
from oee.shift import Shift
from oee.standards import line_standards
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db

TODAY = at("12:00", 1)
MINUTE = 60_000
DERIVED = (Stop, LedgerEntry, HourTotals, HourLoss)


@pytest.fixture
def mara() -> User:
    return make_user("mara", "production_manager")


@pytest.fixture
def stage(mara: User) -> Stage:
    """A day shift that ended yesterday: a jam of ten minutes, a short stop, a cleaning that was coded."""
    load_reasons()
    stage = make_stage()
    white = Product.objects.create(code="W", name="White sliced 500 g")
    ProductNumber.objects.create(line=stage.line, number=1, product=white)
    stage.sees(
        "06:00 run, 07:10 stop, 07:20 run, 08:00 stop, 08:01:30 run, 09:00 stop, 09:20 run, 11:00 unknown, 11:30 run",
        until=at("14:00"),
    )
    for hour in ("06:30", "07:30", "08:30", "12:30"):
        stage.makes(at(hour), 50, 2, product_number=1)
    rebuild_dirty(at("14:01"))
    cleaning = Stop.objects.get(started_at=at("09:00"))
    code_stop(cleaning.id, "CLEANING", by=mara, now=at("14:02"), request_id=uuid.uuid4())
    return stage


def rows(start: datetime | None = None, end: datetime | None = None) -> bytes:
    """Everything derived that begins in the stretch, byte for byte."""
    found = []
    for model in DERIVED:
        column = "starts_at" if model in (HourTotals, HourLoss) else "started_at"
        its: Any = model._default_manager.all()
        its = its.filter(**{f"{column}__gte": start}) if start else its
        its = its.filter(**{f"{column}__lt": end}) if end else its
        fields = [f.attname for f in model._meta.concrete_fields if model is Stop or f.name != "id"]
        found += sorted(json.dumps([model.__name__, row], default=str) for row in its.values_list(*fields))
    return "\n".join(found).encode()


def from_nothing(line: Line) -> bytes:
    for model in DERIVED:
        model._default_manager.all().delete()
    rebuild(line, since=None, now=TODAY)
    return rows()


def other_policy(stage: Stage, mara: User, now: datetime) -> object:
    rules = {
        "micro_stop_s": 60,
        "planned_stops_reduce_availability": False,
        "minor_stops_reduce_availability": True,
        "no_data_is_lost": True,
    }
    return change_policy(stage.line, rules, by=mara, now=now)


def other_cycle(stage: Stage, mara: User, now: datetime) -> object:
    return change_ideal_cycle(Scope(None, stage.machine, None), 500, by=mara, now=now)


def other_class(stage: Stage, mara: User, now: datetime) -> object:
    return change_loss_class(StopReason.objects.get(code="CLEANING"), "failure", by=mara, now=now)


CHANGES = (other_policy, other_cycle, other_class)


@pytest.mark.parametrize("change", CHANGES)
def test_a_standard_changed_today_leaves_yesterday_as_it_was_judged(
    stage: Stage, mara: User, change: Callable[..., object]
) -> None:
    yesterday = rows()

    change(stage, mara, TODAY)

    assert from_nothing(stage.line) == yesterday


@pytest.mark.parametrize("change", CHANGES)
def test_restating_changes_the_chosen_stretch_and_nothing_else(
    stage: Stage, mara: User, change: Callable[..., object]
) -> None:
    change(stage, mara, TODAY)
    before, after, inside = rows(None, at("08:00")), rows(at("10:00")), rows(at("08:00"), at("10:00"))

    restate(stage.line, at("08:00"), at("10:00"), by=mara, now=TODAY, reason="The standard was wrong.")

    assert rows(at("08:00"), at("10:00")) != inside
    assert (rows(None, at("08:00")), rows(at("10:00"))) == (before, after)
    kept = rows()
    assert from_nothing(stage.line) == kept


def test_of_two_restatements_the_later_one_holds(stage: Stage, mara: User) -> None:
    other_cycle(stage, mara, TODAY)
    restate(stage.line, at("06:00"), at("09:00"), by=mara, now=TODAY, reason="New speed.")
    later = TODAY + timedelta(hours=1)
    change_ideal_cycle(Scope(None, stage.machine, None), 250, by=mara, now=later)

    restate(stage.line, at("07:00"), at("08:00"), by=mara, now=later, reason="Newer speed.")

    made = HourTotals.objects.order_by("starts_at").exclude(made=0).values_list("starts_at", "ideal_made_ms")
    assert dict(made) == {at("06:30"): 25_000, at("07:00"): 12_500, at("08:00"): 25_000, at("12:00"): 50_000}
    assert differences(stage.line) == []


def test_a_cycle_holds_from_its_very_minute(stage: Stage, mara: User) -> None:
    IdealCycle.objects.all().delete()
    for ms, since, until in ((1000, at("00:00", -9), at("08:07")), (500, at("08:07"), None)):
        IdealCycle.objects.create(equipment=stage.machine, ideal_cycle_ms=ms, valid_from=since, valid_to=until)
    stage.makes(at("08:06"), 1)
    stage.makes(at("08:07"), 1)
    rebuild(stage.line, since=None, now=TODAY)

    assert HourTotals.objects.get(starts_at=at("08:00")).ideal_made_ms == 1000 + 500 + 50 * 500


def test_a_planned_stop_that_began_in_the_stretch_is_judged_as_one(stage: Stage, mara: User) -> None:
    said: dict[str, Any] = {"by": mara, "now": TODAY, "request_id": uuid.uuid4()}
    plan_stop(stage.line, "CLEANING", starts_at=at("06:50"), ends_at=at("08:30"), **said)
    change_loss_class(StopReason.objects.get(code="CLEANING"), "idle", by=mara, now=TODAY)

    restate(stage.line, at("06:00"), at("07:00"), by=mara, now=TODAY, reason="It was no cleaning.")

    assert Stop.objects.get(started_at=at("07:10")).kind == "idle"
    assert differences(stage.line) == []


# ---------------------------------------------------------------- refusals


def test_parts_counted_before_a_machine_was_ever_seen_are_restated_with_the_time_in_which_they_were_made(
    mara: User,
) -> None:
    stage = make_stage()
    stage.sees("08:00 run", until=at("14:00"))
    rebuild_dirty(at("14:00"))
    enter_rejects(stage.machine, "scrap", 3, at=at("05:30"), by=mara, now=at("14:00"), request_id=uuid.uuid4())
    IdealCycle.objects.update(ideal_cycle_ms=900)

    restate(stage.line, at("05:00"), at("06:00"), by=mara, now=TODAY, reason="The bags were thinner.")

    assert HourTotals.objects.get(rejected=3).ideal_good_ms == -2700
    assert differences(stage.line) == []


def test_a_restatement_is_refused_in_words(stage: Stage, mara: User, settings: LazySettings) -> None:
    def refused(start: datetime, end: datetime, reason: str = "Wrong.") -> str:
        with pytest.raises(ImpossibleTime) as caught:
            restate(stage.line, start, end, by=mara, now=TODAY, reason=reason)
        return str(caught.value)

    assert "later than the start" in refused(at("08:00"), at("08:00"))
    assert "not in the future" in refused(at("08:00"), TODAY + timedelta(seconds=1))
    assert "Say why" in refused(at("08:00"), at("09:00"), " ")
    settings.DETAIL_RETENTION_DAYS = 1
    assert "kept since 20 Nov 2026 00:00" in refused(at("08:00", -1), at("09:00"))
    assert not Restatement.objects.exists()


def test_a_policy_is_not_changed_for_the_past(stage: Stage, mara: User) -> None:
    with pytest.raises(PastIsJudged, match="Restate"):
        change_policy(stage.line, {"micro_stop_s": 60}, by=mara, now=TODAY, starts_at=at("06:00"))
    planned = change_policy(stage.line, {"micro_stop_s": 60}, by=mara, now=TODAY, starts_at=at("06:00", 5))
    take_back_policy(planned, by=mara, now=TODAY)
    assert not LinePolicy.objects.exists()
    assert [row.detail["after"] for row in AuditEntry.objects.filter(action="standard.policy").order_by("pk")] == [
        planned_words := AuditEntry.objects.filter(action="standard.policy").order_by("pk")[0].detail["after"],
        "taken back",
    ]
    assert "micro stop s 60" in planned_words


def test_asking_twice_restates_once(stage: Stage, mara: User) -> None:
    request_id = uuid.uuid4()
    for _ in range(2):
        restate(
            stage.line, at("08:00"), at("09:00"), by=mara, now=TODAY, reason="Wrong.", request_id=request_id
        )  # fmt: skip

    assert Restatement.objects.count() == 1


# ---------------------------------------------------------------- preview and marks


def test_a_preview_tells_the_figures_of_the_restatement_and_writes_nothing(stage: Stage, mara: User) -> None:
    other_cycle(stage, mara, TODAY)
    before = rows()

    found = preview(stage.line, at("06:00"), at("10:00"), by=mara, now=TODAY)

    assert rows() == before
    assert not Restatement.objects.exists()
    done = restate(stage.line, at("06:00"), at("10:00"), by=mara, now=TODAY, reason="New speed.")
    assert (done.before, done.after) == (found.before, found.after)
    assert found.before["oee"] == pytest.approx(2 * (found.after["oee"] or 0))


def test_a_restatement_tells_what_it_changed_in_its_very_minutes_also_in_the_middle_of_hours(
    stage: Stage, mara: User
) -> None:
    other_cycle(stage, mara, TODAY)

    found = preview(stage.line, at("06:15"), at("07:15"), by=mara, now=TODAY)

    for told, ideal_ms in ((found.before, 50_000), (found.after, 25_000)):
        assert (told["calendar_ms"], told["run_ms"], told["made"]) == (60 * MINUTE, 55 * MINUTE, 50)
        assert told["ideal_made_ms"] == ideal_ms


def test_hours_in_which_nobody_saw_the_machine_are_judged_anew_one_by_one(mara: User) -> None:
    stage = make_stage()
    stage.sees("06:00 run", until=at("11:00"))
    rebuild_dirty(at("11:00:30"))
    other_policy(stage, mara, at("13:20"))
    restate(stage.line, at("12:00"), at("13:00"), by=mara, now=at("13:20"), reason="The line was on.")

    day = shift_at(stage.line, at("13:30"))
    assert day is not None
    machine = primary_machine(stage.line)
    assert machine is not None
    silent = [
        Shift(stage.line, day, at("13:30")).totals,
        scope_of_shift(stage.line, machine, at("06:00"), at("13:30")).totals,
    ]

    assert [(totals.no_data_ms, totals.busy_ms) for totals in silent] == 2 * [(150 * MINUTE, 360 * MINUTE)]
    stage.sees("11:00 unknown, 13:30 run", until=at("13:30"))
    rebuild_dirty(at("13:30"))
    assert sum(HourTotals.objects.values_list("busy_ms", flat=True)) == 360 * MINUTE


def test_restated_figures_carry_a_mark(stage: Stage, mara: User, django_assert_num_queries: Any) -> None:
    restate(stage.line, at("08:00"), at("10:00"), by=mara, now=TODAY, reason="The standard was wrong.")
    touched = (stage.line, at("06:00"), at("14:00"))
    untouched = (stage.line, at("10:00"), at("14:00"))

    with django_assert_num_queries(1):
        found = restatements_of.answer_all([touched, untouched])

    assert [mark(row, stage.line.site.zone) for row in found[touched]] == [
        "Restated 21 Nov 2026 12:00 by mara: The standard was wrong."
    ]
    assert found[untouched] == []


# ---------------------------------------------------------------- the catalogue


def test_a_new_reason_has_a_loss_class_from_the_beginning(stage: Stage, mara: User) -> None:
    reason = add_reason(
        StopReason(code="OVEN", label="Oven is late", group="Line"), "external", by=mara, now=TODAY
    )  # fmt: skip
    assert StopReason.objects.with_class(at("06:00")).get(code=reason.code).class_now == "external"  # type: ignore[attr-defined]

    reason.label = "Oven late"
    reword_reason(reason, by=mara, now=TODAY)
    assert AuditEntry.objects.latest("pk").detail["after"] == "label Oven late"


def test_a_crowded_catalogue_is_told() -> None:
    StopReason.objects.update(enabled=False)
    assert crowded() == []
    StopReason.objects.bulk_create(
        [StopReason(code=f"R{number}", label="x", group=f"G{number % 9}") for number in range(26)]
    )
    groups, reasons = crowded()
    assert "9 groups" in groups
    assert "26 reasons" in reasons


# ---------------------------------------------------------------- pages


def page_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="ms5.backends.MatrixBackend")
    return client


def test_the_standards_of_a_line_are_told_with_their_source(stage: Stage, mara: User) -> None:
    change_ideal_cycle(Scope(None, stage.machine, Product.objects.get()), 480, by=mara, now=TODAY)

    found = line_standards(stage.line, TODAY)

    assert [(row.ideal_cycle_ms, row.source) for row in found.cycles] == [
        (480, f"White sliced 500 g on {stage.machine.code}, since 21 Nov 2026"),
        (1000, f"{stage.machine.code}, since 1 Jan 2020"),
    ]
    assert found.changes[0].who == "mara"
    body = page_of(mara).get(reverse("line-standards", args=[stage.line.code])).content.decode()
    assert "A stop shorter than 120 s is a minor stop." in body
    assert "Restate …" in body


def test_a_shift_manager_reads_standards_and_may_not_restate(stage: Stage) -> None:
    client = page_of(make_user("sven", "shift_manager"))
    assert "Restate …" not in client.get(reverse("line-standards", args=[stage.line.code])).content.decode()
    assert client.get(reverse("restate", args=[stage.line.code])).status_code == 403


def test_the_page_previews_then_restates(stage: Stage, mara: User) -> None:
    other_cycle(stage, mara, TODAY)
    client, address = page_of(mara), reverse("restate", args=[stage.line.code])
    stretch = {"start": "2026-11-20T06:00", "end": "2026-11-20T10:00"}

    shown = client.get(address, stretch).content.decode()
    assert "What would change" in shown
    assert not Restatement.objects.exists()

    assert client.post(address, stretch).status_code == 422
    answer = client.post(address, {**stretch, "reason": "New speed.", "request_id": str(uuid.uuid4())})
    assert answer["Location"] == reverse("line-standards", args=[stage.line.code])
    assert "New speed." in client.get(answer["Location"]).content.decode()

    refused = client.post(address, {**stretch, "end": "2026-11-20T05:00", "reason": "x"})
    assert refused.status_code == 422
    assert "later than the start" in refused.content.decode()


# ---------------------------------------------------------------- administration


def test_a_standard_in_force_is_read_in_admin_and_changed_from_a_moment_on(stage: Stage) -> None:
    client = page_of(make_user("erin", "engineer"))
    row = IdealCycle.objects.get()
    its = reverse("admin:floor_idealcycle_change", args=[row.pk])
    assert client.post(its, {"ideal_cycle_ms": 1}).status_code == 403

    add = reverse("admin:floor_idealcycle_add")
    assert add in client.get(reverse("admin:floor_idealcycle_changelist")).content.decode()
    past = {"equipment": stage.machine.pk, "ideal_cycle_ms": 700, "valid_from_0": "2026-11-20", "valid_from_1": "06:00"}
    assert "keeps the standard it was judged by" in client.post(add, past).content.decode()
    absurd = {"equipment": stage.machine.pk, "ideal_cycle_ms": 0}
    assert "more than 0 ms" in client.post(add, absurd).content.decode()

    answer = client.post(add, {"equipment": stage.machine.pk, "ideal_cycle_ms": 700})
    assert answer.status_code == 302, answer.content.decode()
    assert IdealCycle.objects.get(ideal_cycle_ms=700).valid_to is None
    row.refresh_from_db()
    assert row.valid_to == IdealCycle.objects.get(ideal_cycle_ms=700).valid_from


def test_policies_and_classes_are_changed_in_admin_by_their_actions(stage: Stage) -> None:
    erin = make_user("erin", "engineer")
    client = page_of(erin)
    policy = {
        "line": stage.line.pk, "micro_stop_s": 90, "slow_below": 0.9, "no_data_is_lost": "on",
        "target_availability": 0.9, "target_performance": 0.85, "target_quality": 0.95,
    }  # fmt: skip
    wrong = client.post(reverse("admin:oee_linepolicy_add"), {**policy, "target_quality": 95})
    assert "Enter a share of 1" in wrong.content.decode()
    assert client.post(reverse("admin:oee_linepolicy_add"), policy).status_code == 302
    assert client.post(
        reverse("admin:oee_reasonclass_add"), {"reason": "CLEANING", "loss_class": "idle"}
    ).status_code == 302  # fmt: skip
    assert client.post(
        reverse("admin:oee_stopreason_add"),
        {"code": "OVEN", "label": "Oven", "group": "Line", "position": 3, "enabled": "on", "loss_class": "external"},
    ).status_code == 302  # fmt: skip

    row = LinePolicy.objects.get()
    assert (row.micro_stop_s, row.no_data_is_lost, row.planned_stops_reduce_availability) == (90, True, False)
    assert ReasonClass.objects.filter(reason="CLEANING").count() == 2
    assert ReasonClass.objects.get(reason="OVEN").loss_class == "external"
    assert set(AuditEntry.objects.filter(actor=erin).values_list("action", flat=True)) == {
        "standard.policy", "standard.loss_class",
    }  # fmt: skip
    assert client.get(reverse("admin:oee_linepolicy_change", args=[row.pk])).status_code == 200
    listed = client.get(reverse("admin:oee_stopreason_changelist")).content.decode()
    assert "Nothing to make" in listed


def test_before_any_facts_a_standard_is_corrected_in_place(mara: User) -> None:
    stage = make_stage()
    client = page_of(make_user("erin", "engineer"))
    row = IdealCycle.objects.get(equipment=Equipment.objects.get(pk=stage.machine.pk))

    answer = client.post(reverse("admin:floor_idealcycle_change", args=[row.pk]), {"ideal_cycle_ms": 650})

    assert answer.status_code == 302, answer.content.decode()
    row.refresh_from_db()
    assert (row.ideal_cycle_ms, row.valid_to) == (650, None)
