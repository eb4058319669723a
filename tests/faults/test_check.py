"""The books of a run of faults find what is wrong with it."""

from itertools import pairwise

from tests.faults.check import Message, Step, Verdict, _check_lateness, _check_mails, _check_steps
from tests.faults.injuries import Done
from tests.faults.outside import Heard, Mail
from tests.faults.plan import Fault, faults


def step(
    *, due: float = 100, taken: float | None = 100, cancelled: float | None = None, events: int = 1, messages: int = 1
) -> Step:
    return Step("1", "L-BAG1 stop", "ack", 1, 0, due, taken, cancelled, events, messages)


def wrong_with(*steps: Step) -> list[str]:
    found = Verdict()
    _check_steps(found, steps)
    return [sentence.partition(":")[0] for sentence in found.wrong]


def test_a_step_that_was_missed_taken_twice_or_told_to_nobody_is_found() -> None:
    assert wrong_with(step(), step(taken=None, cancelled=99, events=0)) == []
    assert wrong_with(step(taken=None, events=0)) == ["missed"]
    assert wrong_with(step(taken=None, cancelled=101, events=0)) == ["missed"]
    assert wrong_with(step(events=2)) == ["taken twice"]
    assert wrong_with(step(messages=0)) == ["taken and nobody was told"]


def untold(late: Step, *heard: Heard) -> int:
    found = Verdict()
    _check_lateness(found, [late], heard)
    return len(found.wrong)


def test_a_late_step_needs_an_alarm_that_names_it_within_fifteen_seconds_and_was_not_over_before() -> None:
    late = step(due=100, taken=130)
    said, over = (("silent:escalator",), ()), ((), ("silent:escalator",))

    assert untold(step(due=100, taken=104)) == 0
    assert untold(late) == 1
    assert untold(late, Heard(114, *said, "")) == 0
    assert untold(late, Heard(116, *said, "")) == 1
    assert untold(late, Heard(60, *said, "")) == 0  # still open
    assert untold(late, Heard(60, *said, ""), Heard(90, *over, "")) == 1
    assert untold(late, Heard(110, ("late:mail",), (), "")) == 1


def mail(at: float, number: int = 1, *, to: str = "a@x", is_answered: bool = True) -> Mail:
    return Mail(at, f"<{number}@ms5>", to, "", is_answered)


def message(
    number: int = 1, *, event: str = "7", is_sent: bool = True, is_cancelled: bool = False, is_held_back: bool = False
) -> Message:
    return Message(str(number), event, "a@x", "email", is_sent, is_cancelled, False, is_held_back)


def wrong_mails(messages: list[Message], mails: list[Mail], *done: Done) -> list[str]:
    found = Verdict()
    _check_mails(found, messages, mails, done)
    return [sentence.partition(":")[0] for sentence in found.wrong]


def test_a_mail_twice_is_right_only_across_a_crash_and_one_that_never_came_is_found() -> None:
    crash = Done(Fault("kill", ("escalator",)), 11, 12)
    elsewhere = Done(Fault("kill", ("web",)), 11, 12)

    assert wrong_mails([message()], [mail(10)]) == []
    assert wrong_mails([message()], [mail(10), mail(100)]) == ["sent twice without a crash"]
    assert wrong_mails([message()], [mail(10), mail(100)], elsewhere) == ["sent twice without a crash"]
    assert wrong_mails([message()], [mail(10), mail(100)], crash) == []
    assert wrong_mails([message()], [mail(10, is_answered=False), mail(100)]) == []
    assert wrong_mails([message(1), message(2)], [mail(10, 1), mail(11, 2)]) == ["two mails for one step and person"]
    assert wrong_mails([message()], []) == ["noted as sent, and never came"]
    assert wrong_mails([message(is_sent=False)], []) == ["never sent"]
    assert wrong_mails([message(is_sent=False, is_cancelled=True)], []) == []
    assert wrong_mails([message(is_sent=False, is_held_back=True)], []) == []
    assert wrong_mails([message()], [mail(10, to="b@x")]) == ["sent to somebody else"]


def test_the_same_seed_does_the_same_and_ten_minutes_try_everything() -> None:
    assert faults(7, 600) == faults(7, 600) != faults(8, 600)

    done = {(fault.how, fault.victims) for fault in faults(7, 600)}

    assert {("kill", ("postgres",)), ("stop", ("watchdog",)), ("mail", ("mute",))} < done
    processes = [fault for fault in faults(7, 600) if fault.how != "mail"]
    assert len(processes) >= 20
    assert all(a.at_s + a.for_s + 5 <= b.at_s for a, b in pairwise(processes))
