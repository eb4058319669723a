"""The load of calls on people, counted and judged."""

import csv
import io
import uuid
from datetime import date, datetime, time, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from andon.actions import acknowledge, raise_call, resolve
from andon.domain.call import Priority
from andon.domain.chatter import chatters, most_within
from andon.domain.load import FLOOD, TEN_MINUTES, Heard, critical_share, load, stale, top
from andon.load import load_figures
from andon.models import Call, CallEvent, WebhookTarget
from floor.models import Equipment, Line, ShiftPattern, User
from tests.andon.plant import SIX, after, make_crew
from tests.factories import make_line, make_machine, make_shifts, make_site, make_user

SHIFT = (SIX, after(hours=8))


def at(*minutes: float) -> list[datetime]:
    return [after(minutes=minute) for minute in minutes]


# ---------------------------------------------------------------- pure


def test_a_call_every_ten_minutes_is_what_a_person_can_attend_to() -> None:
    found = load(at(0), at(*range(0, 480, 10)), [SHIFT])
    assert (found.calls, found.messages, found.messages_per_10_min, found.peak) == (1, 48, 1.0, 1)
    assert found.is_acceptable
    assert not load((), at(*range(0, 480, 9)), [SHIFT]).is_acceptable


def test_ten_in_ten_minutes_is_no_flood_and_eleven_is() -> None:
    ten, eleven = at(*(n / 2 for n in range(10))), at(*(n / 2 for n in range(11)))
    assert load((), ten, [SHIFT]).floods == 0
    assert (load((), eleven, [SHIFT]).floods, load((), eleven, [SHIFT]).windows) == (1, 48)
    assert load((), eleven, [SHIFT]).flood_share == 1 / 48


def test_the_peak_is_found_wherever_its_ten_minutes_begin() -> None:
    across = at(*(5 + n for n in range(10)), 14.5)
    found = load((), across, [SHIFT])
    assert (found.floods, found.peak) == (0, 11)


def test_what_is_told_outside_the_shift_is_not_its_load() -> None:
    assert load(at(-1, 480), at(-1, 480, 5), [SHIFT]).messages == 1


def test_no_time_is_no_load() -> None:
    found = load((), (), [])
    assert (found.messages_per_10_min, found.flood_share) == (None, None)


moments = st.lists(st.integers(0, 479), max_size=25).map(lambda minutes: at(*sorted(minutes)))


@given(moments)
def test_every_message_of_the_shift_is_counted_once(told: list[datetime]) -> None:
    parts = [(SIX, after(hours=3)), (after(hours=3), after(hours=8))]
    whole, first, second = load((), told, [SHIFT]), load((), told, parts[:1]), load((), told, parts[1:])
    assert whole.messages == len(told) == first.messages + second.messages
    assert whole.peak >= max(first.peak, second.peak)
    assert (whole.floods > 0) <= (whole.peak > FLOOD)


@given(moments)
def test_the_most_within_is_what_counting_from_each_moment_finds(told: list[datetime]) -> None:
    counted = [sum(start <= other < start + TEN_MINUTES for other in told) for start in told]
    assert most_within(told, TEN_MINUTES) == max(counted, default=0)


def test_a_source_chatters_at_three_in_a_minute_or_ten_in_an_hour() -> None:
    assert chatters(at(0, 0.4, 0.9))
    assert not chatters(at(0, 0.5, 1))
    assert chatters(at(*range(0, 60, 6)))
    assert not chatters(at(*range(0, 63, 7)))


def test_stale_critical_and_top() -> None:
    old, new = Heard(SIX, None, False), Heard(after(hours=23), None, True)
    done = Heard(SIX, after(hours=1), False)
    assert stale([old, new, done], after(hours=25)) == 1
    assert critical_share([old, new, done]) == 1 / 3
    assert critical_share([]) is None
    first, share = top({f"S{n}": n for n in range(1, 13)})
    assert (first[0], len(first), share) == (("S12", 12), 10, 75 / 78)
    assert top({}) == ([], None)


# ---------------------------------------------------------------- from the database


@pytest.fixture
def crew(db: None) -> dict[str, User]:
    make_shifts(make_site())
    return make_crew()


@pytest.fixture
def line(crew: dict[str, User]) -> Line:
    return make_line()


def called(line: Line, by: User | None, moment: datetime, machine: Equipment | None = None, **more: object) -> Call:
    return raise_call(
        line,
        "maintenance",
        by=by,
        now=moment,
        request_id=uuid.uuid4(),
        equipment=machine,
        **more,  # type: ignore[arg-type]
    )


def test_two_people_of_a_role_are_one_load_and_the_caller_is_none(line: Line, crew: dict[str, User]) -> None:
    make_user("mira", "maintenance")
    WebhookTarget.objects.create(name="Lights", url="https://lights.example.com/")  # no person has that load
    call = called(line, crew["operator"], after(minutes=1))
    acknowledge(call, by=crew["maintenance"], now=after(minutes=2))

    found = load_figures(1, line, after(hours=2))

    assert [(one.role, one.shift, one.load.calls, one.load.messages) for one in found.roles] == [
        ("Maintenance", "Day", 1, 1)
    ]


def test_each_site_is_judged_by_its_own_shifts(line: Line, crew: dict[str, User]) -> None:
    mill = make_site("MILL")
    ShiftPattern.objects.create(
        site=mill, name="Early", weekdays=[1, 2, 3, 4, 5, 6, 7], starts_at=time(5), ends_at=time(13),
        valid_from=date(2020, 1, 1),
    )  # fmt: skip
    called(line, crew["operator"], after(minutes=1))
    called(make_line("L-MILL", site=mill), crew["operator"], after(minutes=2))

    found = load_figures(1, None, after(hours=2))

    assert [(one.role, one.shift, one.load.messages) for one in found.roles if one.role == "Maintenance"] == [
        ("Maintenance", "BAKERY Day", 1),
        ("Maintenance", "MILL Early", 1),
    ]


def test_figures_of_a_shift_with_a_noisy_machine(line: Line, crew: dict[str, User]) -> None:
    machine = make_machine(line, "BAG1")
    for n in range(12):
        call = called(line, None, after(minutes=n / 2), machine, priority=Priority.CRITICAL if n == 0 else None)
        resolve(call, "Reset", by=crew["maintenance"], now=after(minutes=n / 2, seconds=10))
    called(line, crew["operator"], after(minutes=30))
    CallEvent.objects.create(call=call, at=after(minutes=7), what="repeated")

    found = load_figures(1, None, after(hours=2))

    figures = {one.name: one for one in found.figures}
    assert (found.calls, found.joined, found.shelved) == (13, 1, 0)
    assert [(one.source, one.times, one.chatters) for one in found.sources] == [
        ("BAG1: Maintenance", 13, True), ("L-BAG1: Maintenance", 1, False),
    ]  # fmt: skip
    assert figures["Chattering sources"].is_met is False
    assert figures["Share that is critical"].value == 1 / 13
    (maintenance,) = [one for one in found.roles if one.role == "Maintenance" and one.shift == "Day"]
    assert (maintenance.load.calls, maintenance.load.peak) == (13, 12)
    assert maintenance.load.time == timedelta(hours=2 + 6)  # of today, and of the day before
    assert maintenance.load.floods == 1


def test_a_call_open_for_more_than_a_day_is_stale_however_short_the_range(line: Line, crew: dict[str, User]) -> None:
    called(line, crew["operator"], SIX)
    figures = {one.name: one.value for one in load_figures(1, None, after(hours=30)).figures}
    assert figures["Stale calls"] == 1


def test_the_load_of_one_line_is_not_that_of_another(line: Line, crew: dict[str, User]) -> None:
    called(line, crew["operator"], SIX)
    other = make_line("L-2")
    assert load_figures(1, other, after(hours=1)).calls == 0
    assert load_figures(1, other, after(hours=1)).roles == ()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="ms5.backends.MatrixBackend")
    return client


def test_the_page_and_its_files(line: Line, crew: dict[str, User]) -> None:
    from andon.clock import database_now

    called(line, crew["operator"], database_now() - timedelta(hours=1))
    page = signed_in(crew["production_manager"])

    text = page.get("/andon/load/?days=1&line=L-BAG1").content.decode()
    assert "EEMUA 191" in text
    assert "L-BAG1: Maintenance" in text
    rows = list(csv.DictReader(io.StringIO(page.get("/andon/load/?days=1&csv=sources").content.decode())))
    assert [(row["source"], row["times"]) for row in rows] == [("L-BAG1: Maintenance", "1")]
    roles = list(csv.DictReader(io.StringIO(page.get("/andon/load/?days=1&csv=roles").content.decode())))
    assert {row["role"] for row in roles} == {"Maintenance"}
    assert page.get("/andon/load/?days=3").status_code == 404
    assert page.get("/andon/load/?csv=none").status_code == 404
    assert signed_in(crew["operator"]).get("/andon/load/").status_code == 403


def test_the_page_asks_as_many_questions_for_a_month_as_for_a_day(
    line: Line, crew: dict[str, User], django_assert_max_num_queries: object
) -> None:
    for n in range(30):
        call = called(line, None, after(hours=n), make_machine(line, f"M{n}", primary=False, position=n + 5))
        resolve(call, "Done", by=crew["maintenance"], now=after(hours=n, minutes=1))
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        load_figures(28, None, after(hours=40))
