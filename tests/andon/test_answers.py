"""What people do with a call once it is out: send somebody, reject, reopen, note, photograph, hurry."""

from io import BytesIO
from uuid import uuid4

import pytest
from PIL import Image

from andon import actions
from andon.actions import (
    acknowledge,
    arrive,
    escalate,
    escalate_due,
    raise_call,
    read_picture,
    reject,
    reopen,
    resolve,
    transfer,
)
from andon.models import Call, CallEvent, EscalationStep, Notification
from floor.domain.machine import State
from floor.models import Line, MachineState, User
from tests.andon.plant import SIX, after, make_call, make_crew
from tests.factories import make_line, make_machine, make_user


@pytest.fixture
def crew(db: None) -> dict[str, User]:
    return make_crew()


def test_whoever_sends_somebody_has_answered_and_the_one_sent_is_told(crew: dict[str, User]) -> None:
    milo = make_user("milo", "maintenance")
    call = make_call(by=crew["operator"])

    sent = transfer(call, milo, by=crew["shift_manager"], now=after(minutes=1))

    assert (sent.status, sent.responder, sent.acknowledged_by) == ("acknowledged", milo, crew["shift_manager"])
    told = Notification.objects.filter(event__what="transferred", recipient=milo)
    assert set(told.values_list("channel", flat=True)) == {"in_app", "email"}


def test_nobody_is_sent_who_does_not_answer_calls(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    with pytest.raises(actions.NotAnswering, match="does not answer maintenance calls"):
        transfer(call, crew["viewer"], by=crew["shift_manager"], now=after(minutes=1))

    call.refresh_from_db()
    assert call.status == "open"


def test_a_rejected_call_waits_for_nobody_and_needs_a_reason(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    with pytest.raises(actions.NoteMissing):
        reject(call, "  ", by=crew["shift_manager"], now=after(minutes=1))

    reject(call, "The guard was only open", by=crew["shift_manager"], now=after(minutes=1))

    assert escalate_due(after(days=1)) == 0
    with pytest.raises(actions.NotPossible, match="rejected this call"):
        resolve(call, "Fixed", by=crew["engineer"], now=after(minutes=2))


def test_a_reopened_call_waits_as_if_it_were_raised_now(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    acknowledge(call, by=crew["maintenance"], now=after(minutes=1))
    resolve(call, "Fixed", by=crew["maintenance"], now=after(minutes=8))

    again = reopen(call, "It jams again", by=crew["operator"], now=after(minutes=20))

    assert (again.status, again.level, again.round, again.resolution) == ("open", 0, 1, "")
    assert again.acknowledged_at == after(minutes=1)
    ahead = EscalationStep.objects.ahead().filter(call=call, clock="ack", level=1)
    assert [step.due_at for step in ahead] == [after(minutes=25)]
    assert escalate_due(after(minutes=25)) == 1


def test_a_call_cannot_be_reopened_beside_a_new_one_for_the_same_place(crew: dict[str, User]) -> None:
    line = make_line("L-1")
    first = make_call(line, by=crew["operator"])
    resolve(first, "Fixed", by=crew["maintenance"], now=after(minutes=1))
    make_call(line, by=crew["operator"], at=after(minutes=2))

    with pytest.raises(actions.AlreadyOpen):
        reopen(first, "Again", by=crew["operator"], now=after(minutes=3))

    first.refresh_from_db()
    assert (first.status, first.round) == ("resolved", 0)


def test_a_call_of_yesterday_is_called_anew(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    resolve(call, "Fixed", by=crew["maintenance"], now=after(minutes=1))

    with pytest.raises(actions.TooLate, match="Call again instead"):
        reopen(call, "Again", by=crew["operator"], now=after(hours=25))


def test_the_next_level_can_be_called_by_hand_and_the_plan_goes_on(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    escalate(call, "Two lines stand", by=crew["operator"], now=after(minutes=1))

    call.refresh_from_db()
    assert call.level == 1
    assert EscalationStep.objects.get(call=call, clock="ack", level=1).due_at == after(minutes=5)
    assert escalate_due(after(minutes=9)) == 0
    assert escalate_due(after(minutes=10)) == 1


def test_beyond_the_last_level_a_call_by_hand_reminds_it(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    for minute in (1, 2, 3):
        escalate(call, "", by=crew["operator"], now=after(minutes=minute))

    call.refresh_from_db()
    assert call.level == 2
    assert CallEvent.objects.filter(call=call, what="reminded", level=2).count() == 1


def test_reminding_by_hand_buys_no_silence_and_is_done_once_a_minute(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    for minute in range(1, 5):
        escalate(call, "", by=crew["operator"], now=after(minutes=minute))
    with pytest.raises(actions.TooSoon):
        escalate(call, "", by=crew["operator"], now=after(minutes=4, seconds=59))

    assert escalate_due(after(minutes=16)) > 0

    reminded = CallEvent.objects.filter(call=call, what="reminded", level=2, at=after(minutes=16))
    assert reminded.filter(step__due_at=after(minutes=15)).count() == 1  # as planned: five minutes after level 2


def test_an_id_given_to_a_deed_at_another_call_is_refused_and_nothing_is_done(crew: dict[str, User]) -> None:
    first, second, tap = make_call(by=crew["operator"]), make_call(by=crew["operator"]), uuid4()
    arrive(first, by=crew["maintenance"], now=after(minutes=1), request_id=tap)

    with pytest.raises(actions.IdTaken):
        arrive(second, by=crew["maintenance"], now=after(minutes=1), request_id=tap)
    with pytest.raises(actions.IdTaken):
        make_call(first.line, by=crew["operator"], kind="quality", request_id=first.request_id)

    second.refresh_from_db()
    assert (second.status, Call.objects.count()) == ("open", 2)


def test_a_call_of_a_line_that_was_switched_off_is_not_opened_again(crew: dict[str, User]) -> None:
    call = resolve(make_call(by=crew["operator"]), "Fixed", by=crew["maintenance"], now=after(minutes=1))
    Line.objects.update(enabled=False)

    with pytest.raises(actions.LineOff):
        reopen(call, "Again", by=crew["operator"], now=after(minutes=2))


def test_the_same_tap_twice_is_one_note(crew: dict[str, User]) -> None:
    call, tap = make_call(by=crew["operator"]), uuid4()

    for _ in range(2):
        actions.add_note(call, "Bring the long key", by=crew["operator"], now=after(minutes=1), request_id=tap)

    assert CallEvent.objects.filter(call=call, what="noted").count() == 1


def photo(width: int, height: int, form: str = "PNG") -> BytesIO:
    out = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    Image.new("RGB", (width, height), "red").save(out, form, exif=exif)
    return BytesIO(out.getvalue())


def test_a_photo_is_made_small_and_says_nothing_about_the_camera(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    picture = read_picture(photo(4000, 2000, "JPEG"))
    actions.add_photo(call, picture, by=crew["operator"], now=after(minutes=1))

    kept = CallEvent.objects.get(call=call, what="photo").photo
    assert (kept.width, kept.height) == (1600, 800)
    with Image.open(BytesIO(bytes(kept.jpeg))) as image:
        assert image.format == "JPEG"
        assert not image.getexif()


@pytest.mark.parametrize(
    "rubbish", [b"", b"<svg onload='x'/>", b"GIF89a" + b"\0" * 40, b"\x89PNG\r\n\x1a\n" + b"\0" * 99]
)
def test_what_is_no_photo_is_refused_in_words(rubbish: bytes) -> None:
    with pytest.raises(actions.NotAPhoto, match="not a JPEG or PNG"):
        read_picture(BytesIO(rubbish))


def test_a_photo_too_large_to_unpack_is_refused() -> None:
    with pytest.raises(actions.NotAPhoto, match="20 megapixels"):
        read_picture(photo(5000, 4001))


def test_a_call_carries_the_stop_during_which_it_was_raised(crew: dict[str, User]) -> None:
    line = make_line("L-1")
    machine = make_machine(line)
    MachineState.objects.update_or_create(equipment=machine, defaults={"state": State.STOP, "since": after(minutes=-4)})

    assert make_call(line, by=crew["operator"]).stopped_since == after(minutes=-4)

    MachineState.objects.filter(equipment=machine).update(state=State.RUN, since=SIX)
    assert make_call(line, by=crew["operator"], kind="quality").stopped_since is None


def test_nobody_calls_for_a_line_that_is_switched_off(crew: dict[str, User]) -> None:
    line = make_line("L-1")
    line.enabled = False
    line.save()

    with pytest.raises(actions.LineOff, match="switched off"):
        raise_call(line, "maintenance", by=crew["operator"], now=SIX, request_id=uuid4())

    assert not Call.objects.exists()


def test_a_resolved_maintenance_call_leaves_work_to_do_unless_somebody_says_no(crew: dict[str, User]) -> None:
    usual, nothing_left = make_call(by=crew["operator"]), make_call(by=crew["operator"])

    resolve(usual, "Adjusted", by=crew["maintenance"], now=after(minutes=1))
    resolve(nothing_left, "Adjusted", by=crew["maintenance"], now=after(minutes=1), work_order=False)

    suggested = Call.objects.filter(work_order_suggested=True)
    assert list(suggested) == [usual]
