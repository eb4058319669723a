"""The plant behaves like a bakery, and the same way every time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plc.simulator.history import machine_readings, observations
from plc.simulator.plant import Plant, UnknownName
from tests.chance import tries
from tests.plc.simulator.conftest import MONDAY_5_UTC, bits, word

BAGGER, LOADER = "BP01.PACK.BAG1", "BP01.PACK.BAG1.BL"
DAY_S = 86_400.0


def _plant(seed: int = 7, *, incidents: bool = True) -> Plant:
    return Plant(seed=seed, start=MONDAY_5_UTC, incidents=incidents)


def _truths(plant: Plant) -> list[object]:
    return [plant.truth(code) for code in plant.machines]


def test_the_same_seed_is_the_same_plant_and_another_seed_another() -> None:
    plants = [_plant(7), _plant(7), _plant(8)]
    for plant in plants:
        plant.step(DAY_S)
    same, again, other = map(_truths, plants)
    assert same == again
    assert same != other


@settings(max_examples=tries(15, 100))
@given(st.lists(st.floats(0.05, 900.0), min_size=1, max_size=60))
def test_looking_more_often_changes_nothing(steps: list[float]) -> None:
    watched, left_alone = _plant(), _plant()
    for step in steps:
        watched.step(step)
    left_alone.advance(watched.t)
    assert _truths(watched) == _truths(left_alone)
    assert watched.tags("BAG1") == left_alone.tags("BAG1")


def test_a_plant_that_was_kept_goes_on_as_if_nothing_had_happened() -> None:
    kept, gone_on = _plant(), _plant()
    kept.step(30_000)
    revived = _plant(seed=99)
    revived.restore(kept.dump())
    revived.step(60_000)
    gone_on.step(90_000)
    assert revived.t == pytest.approx(gone_on.t)
    assert _truths(revived) == _truths(gone_on)


def test_parts_come_one_by_one_and_never_go_back() -> None:
    plant = _plant()
    plant.step(3 * 3600)
    last = {code: plant.truth(code) for code in plant.machines}
    for _ in range(12_000):
        plant.step(0.1)
        for code in plant.machines:
            now, was = plant.truth(code), last[code]
            assert 0 <= now.made - was.made <= 1
            assert 0 <= now.rejected - was.rejected <= now.made - was.made
            last[code] = now


def test_a_blocked_loader_stops_the_bagger_upstream() -> None:
    plant = _plant(incidents=False)
    plant.step(2 * 3600 + 300)
    assert plant.truth(BAGGER).state == "running"
    plant.stop(LOADER, fault=33, for_s=600)
    plant.step(120)
    bagger = plant.truth(BAGGER)
    assert bagger.state == "blocked"
    assert plant.tags("BAG1")["StartCam"] is False
    assert bits(plant, "Fault")[35] is True  # "basket loader fault": the cause is downstream
    plant.step(60)
    assert plant.truth(BAGGER).made == bagger.made
    plant.step(600)
    assert plant.truth(BAGGER).state == "running"
    assert bits(plant, "Fault")[35] is False


def test_a_stopped_divider_starves_the_former_and_then_the_packer() -> None:
    plant = _plant(incidents=False)
    plant.step(2 * 3600 + 300)
    plant.stop("BP01.ROLL2.DIV", fault=1, for_s=1500)
    seen = []
    for _ in range(60):
        plant.step(15)
        seen.append((plant.truth("BP01.ROLL2.FRM").state, plant.truth("BP01.ROLL2.PACK").state))
    former = next(k for k, states in enumerate(seen) if states[0] == "starved")
    packer = next(k for k, states in enumerate(seen) if states[1] == "starved")
    assert former < packer


def test_a_breakdown_shows_its_first_bit_alone_and_prompts_at_its_end() -> None:
    plant = _plant()
    plant.keep_changes()
    plant.step(3 * DAY_S)
    faults = [c for c in plant.changes() if c.machine == BAGGER and c.cause == "infeed servo"]
    first, joined, cleared = faults[:3]
    assert first.bits == 1 << 4
    assert joined.bits == 1 << 4 | 1 << 42
    assert cleared.bits == 1 << 29 | 1 << 43  # press reset, re-start


def test_machines_climb_to_speed_after_a_start() -> None:
    plant = _plant(incidents=False)
    plant.step(2 * 3600)
    plant.stop(BAGGER, for_s=10)
    plant.step(10.5)
    speeds = []
    for _ in range(12):
        speeds.append(plant.line_of(BAGGER)[1].rate)
        plant.step(1)
    assert 0 < speeds[0] < 0.5 * speeds[-1]
    assert sorted(speeds[:9:2]) == speeds[:9:2]


def test_nothing_is_made_in_a_break_or_off_shift() -> None:
    plant = _plant(incidents=False)
    plant.advance(datetime(2026, 3, 23, 9, 30, 1, tzinfo=UTC).timestamp())
    skipped = plant.truth(BAGGER).state != "break"
    at_start = plant.truth(BAGGER).made
    plant.step(1790)
    assert skipped or plant.truth(BAGGER).made == at_start
    plant.advance(datetime(2026, 3, 23, 22, 0, 1, tzinfo=UTC).timestamp())
    cakes = plant.truth("BP01.CAKE1.DEP")
    assert cakes.state == "off"
    plant.step(7 * 3600)
    assert plant.truth("BP01.CAKE1.DEP").made == cakes.made


def test_breaks_follow_the_plant_clock_through_a_clock_change() -> None:
    line = _plant().lines["L-BAG1"].spec.calendar
    winter = datetime(2026, 3, 28, 9, 45, tzinfo=UTC).timestamp()
    summer = datetime(2026, 3, 29, 8, 45, tzinfo=UTC).timestamp()
    assert line.at(winter)[0] == line.at(summer)[0] == "break"
    assert line.at(summer + 3600)[0] == "open"


def _moved(before: int, after: int, modulus: int) -> int:
    return (after - before) % modulus


def test_counters_show_every_part_across_wraps_and_resets() -> None:
    plant = _plant()
    words = {"N7:100": 0, "dep": 0}
    seen: set[str] = set()
    before = word(plant, "BAG1BL", "N7:100"), word(plant, "CAKE1DEP", "Dep_Count")
    bagger, bagged = word(plant, "BAG1", "Count_Blade_PEC.ACC"), 0
    base = {code: plant.truth(code).made for code in plant.machines}
    for _ in range(2 * 1440):
        plant.step(60)
        now = word(plant, "BAG1BL", "N7:100"), word(plant, "CAKE1DEP", "Dep_Count")
        words["N7:100"] += _moved(before[0], now[0], 65536)
        words["dep"] += _moved(before[1], now[1], 65536)
        seen |= {"wrap"} if now[0] < before[0] else set()
        acc = word(plant, "BAG1", "Count_Blade_PEC.ACC")
        seen |= {"reset"} if acc < bagger else set()
        bagged += acc - bagger if acc >= bagger else acc
        before, bagger = now, acc
    assert seen == {"wrap", "reset"}
    assert words["N7:100"] == plant.truth(LOADER).made - base[LOADER]
    assert words["dep"] == plant.truth("BP01.CAKE1.DEP").made - base["BP01.CAKE1.DEP"]
    assert bagged == plant.truth(BAGGER).made - base[BAGGER]  # nothing is made while the count is cleared


def test_a_week_has_a_believable_utilisation_on_every_machine() -> None:
    plant = _plant()
    start = plant.truth(BAGGER).made
    plant.step(7 * DAY_S)
    open_minutes = 7 * 24 * 60 - 21 * 30
    assert 0.55 < (plant.truth(BAGGER).made - start) / (open_minutes * 85) < 0.95
    assert 0.005 < plant.truth(BAGGER).rejected / plant.truth(BAGGER).made < 0.05


def test_links_are_lost_now_and_then_and_come_back() -> None:
    plant = _plant()
    plant.step(14 * DAY_S)
    lost = [(t, code) for t, code, what in plant.link_changes if what == "link lost"]
    assert len(lost) > 3
    assert all(plant.is_linked(code) for code in plant.controllers)


def test_a_running_order_from_outside_keeps_the_line_going_through_its_break() -> None:
    plant = _plant()
    plant.step(3600)
    plant.run(BAGGER)
    for earlier, later in pairwise(_counts_every_minute(plant, 400)):
        assert later > earlier
    plant.release(BAGGER)
    plant.step(3 * 3600)
    assert not plant.lines["L-BAG1"].forced


def _counts_every_minute(plant: Plant, minutes: int) -> list[int]:
    plant.step(120)
    counts = []
    for _ in range(minutes):
        plant.step(60)
        counts.append(plant.truth(BAGGER).made)
    return counts


def test_a_name_that_nobody_has_is_an_error() -> None:
    with pytest.raises(UnknownName):
        _plant().stop("BP01.PACK.BAG9")


def test_both_ways_through_history_show_the_same() -> None:
    end = MONDAY_5_UTC + timedelta(hours=6)
    fast = {(at, row[0]): row for at, rows in machine_readings(_plant(), MONDAY_5_UTC, end, 60) for row in rows}
    for at, controller, tags in observations(_plant(), MONDAY_5_UTC, end, 60):
        if controller == "BAG1":
            _, running, _, product, made, rejected, alarms = fast[at, BAGGER]
            assert tags["StartCam"] is running
            assert (tags["Current_Product"], tags["Count_Blade_PEC.ACC"]) == (product, made)
            assert tags["Reject_Count"] == rejected
            assert tags["Fault"] == [bool(alarms >> n & 1) for n in range(64)]
        elif controller == "CAKE1WRAP":
            assert (tags["N7:10"], tags["N7:11"]) == fast[at, "BP01.CAKE1.WRAP"][4:6]
