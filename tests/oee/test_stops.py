import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client

from floor.models import AuditEntry
from oee.actions.check import differences
from oee.actions.rebuild import rebuild, rebuild_dirty
from oee.actions.refusals import ShiftClosed, StopGone, UnknownReason
from oee.actions.stops import code_stop
from oee.domain.reasons import REASONS
from oee.models import HourTotals, LedgerEntry, Stop, StopCoding, StopReason, to_stop_key
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage
from tests.oee.test_rebuild import rows, totals

pytestmark = pytest.mark.django_db


def stopped(until: str = "08:00") -> Stage:
    """Ran from 06:00, stood 07:00 to 07:10."""
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:10 run", until=at(until))
    rebuild_dirty(at(until))
    return stage


def code(stage: Stage, reason: str, **more: object) -> StopCoding:
    kwargs = {"by": make_user(f"ola{uuid.uuid4().hex[:5]}"), "now": at("08:00"), "request_id": uuid.uuid4(), **more}
    return code_stop(Stop.objects.get().id, reason, **kwargs)  # type: ignore[arg-type]


def test_the_27_reasons_are_there_in_at_most_8_groups() -> None:
    assert StopReason.objects.count() == len(REASONS) == 27
    assert len({reason.group for reason in StopReason.objects.all()}) <= 8


def test_a_coded_stop_has_a_reason_an_author_and_a_line_in_the_audit_log() -> None:
    stage = stopped()

    coding = code(stage, "MAT_JAM")

    assert Stop.objects.get().coding == coding
    assert LedgerEntry.objects.get(state="stop").reason_id == "MAT_JAM"
    assert AuditEntry.objects.get(action="stop.code").detail["after"] == "MAT_JAM"


def test_two_taps_code_a_stop_once() -> None:
    stage, request_id = stopped(), uuid.uuid4()

    first = code(stage, "MAT_JAM", request_id=request_id)
    second = code(stage, "BELT_BREAK", request_id=request_id)

    assert first == second
    assert StopCoding.objects.count() == 1


def test_a_planned_reason_turns_the_stop_into_planned_time() -> None:
    stage = stopped()

    code(stage, "CHANGEOVER")

    assert totals(stage) == {"run_ms": 110, "setup_ms": 10}


def test_recoding_keeps_the_old_verdict_and_counts_the_new_one() -> None:
    stage = stopped()
    first = code(stage, "CHANGEOVER")

    second = code(stage, "MAT_JAM", now=at("08:01"))

    assert second.replaces == first
    assert totals(stage) == {"run_ms": 110, "stop_ms": 10}
    assert StopCoding.objects.count() == 2


def test_a_coding_survives_rebuilding_from_nothing() -> None:
    stage = stopped()
    code(stage, "CHANGEOVER")
    before = rows(stage)
    for model in (LedgerEntry, HourTotals, Stop):
        model.objects.all().delete()

    rebuild(stage.line, since=None, now=at("08:00"))

    assert rows(stage) == before


def test_an_open_stop_that_was_coded_stays_coded_as_it_grows() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:50 stop", until=at("07:55"))
    rebuild_dirty(at("07:55"))
    code(stage, "CLEANING", now=at("07:55"))

    stage.sees("09:05 run", until=at("09:06"))
    rebuild_dirty(at("09:06"))

    assert totals(stage) == {"run_ms": 111, "planned_stop_ms": 75}
    assert differences(stage.line) == []


def test_a_stop_on_the_screen_can_be_coded_before_the_ledger_has_it() -> None:
    stage = make_stage()
    stage.sees("06:00 run", until=at("06:59:59"))
    rebuild_dirty(at("06:59:59"))
    stage.sees("07:00 stop", until=at("07:00"))

    key = to_stop_key(stage.machine.id, at("07:00"))
    coding = code_stop(key, "MAT_JAM", by=make_user(), now=at("07:00:01"), request_id=uuid.uuid4())

    assert Stop.objects.get(id=key).coding == coding


def test_an_unknown_reason_and_a_vanished_stop_are_refused_in_words() -> None:
    stage = stopped()

    with pytest.raises(UnknownReason, match="“GREMLINS” is not a stop reason"):
        code(stage, "GREMLINS")
    with pytest.raises(StopGone, match="not there any more"):
        code_stop(uuid.uuid4(), "MAT_JAM", by=make_user(), now=at("08:00"), request_id=uuid.uuid4())
    assert not StopCoding.objects.exists()


def test_a_stop_of_a_closed_shift_needs_the_shift_manager() -> None:
    stage = stopped()
    later = at("22:00") + timedelta(minutes=1)

    with pytest.raises(ShiftClosed, match=r"Day 20 Nov .* is closed"):
        code(stage, "MAT_JAM", now=later)

    assert code(stage, "MAT_JAM", now=later, by=make_user("sam", "shift_manager"))


def test_an_operator_codes_a_stop_from_the_screen_and_a_viewer_may_not(client: Client) -> None:
    stopped()
    address = f"/stops/{Stop.objects.get().id}/reason/"

    client.force_login(make_user("vera", "viewer"))
    assert client.post(address, {"reason": "MAT_JAM"}).status_code == 403
    client.force_login(make_user("sam", "shift_manager"))
    assert client.post(address, {"reason": "MAT_JAM"}).status_code == 302
    answer = client.post(address, {"reason": "GREMLINS"}, headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (422, "UnknownReason")
    assert LedgerEntry.objects.get(state="stop").reason_id == "MAT_JAM"


def test_the_check_finds_a_row_that_somebody_changed(capsys: pytest.CaptureFixture[str]) -> None:
    stage = stopped()
    call_command("rebuild", "--check")
    assert "0 differences in 1 lines" in capsys.readouterr().out

    HourTotals.objects.filter(made=0).update(made=7)

    with pytest.raises(SystemExit) as exit_:
        call_command("rebuild", stage.line.code, "--check")
    assert exit_.value.code == 1
    assert "stored, not derived" in capsys.readouterr().out


def test_facts_that_wait_to_be_folded_are_no_difference() -> None:
    stage = stopped()
    stage.sees("08:30 stop", until=at("08:45"))

    assert differences(stage.line) == []
