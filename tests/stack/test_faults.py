"""Kill the reader, Redis and PostgreSQL and cut a cable while the plant runs: no part is lost or counted twice."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from tests.stack.running import Product, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

BAGGER = "BP01.PACK.BAG1"
LINK_LOSS_S = 60


def parts_in_system(plant: Product) -> dict[str, tuple[int, int]]:
    rows = plant.rows(
        "SELECT e.code, sum(m.made + m.unobserved_made), sum(m.rejected + m.unobserved_rejected)"
        " FROM floor_machineminute m JOIN floor_equipment e ON e.id = m.equipment_id GROUP BY e.code"
    )
    return {code: (int(made), int(rejected)) for code, made, rejected in rows}


def parts_in_truth(plant: Product) -> dict[str, tuple[int, int]]:
    machines = plant.simulator(truth=True)["machines"]
    return {code: (m["made"], m["rejected"]) for code, m in machines.items()}


def standing_still(plant: Product) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Stop every machine and return (truth, system) once nothing moves any more."""
    plant.simulator(stop_all=True, for_s=3600)
    previous: list[object] = []

    def settled() -> bool:
        now = (parts_in_truth(plant), parts_in_system(plant), fresh_machines(plant))
        previous.append(now)
        return len(previous) > 30 and all(seen == now for seen in previous[-30:]) and now[2] == len(now[0])

    eventually("the plant stands and everything is recorded", settled, within_s=90)
    return parts_in_truth(plant), parts_in_system(plant)


def fresh_machines(plant: Product) -> int:
    query = "SELECT count(*) FROM floor_machinestate WHERE observed_until > clock_timestamp() - interval '5 seconds'"
    return int(plant.value(query))


def has_made_more_than(plant: Product, counted: dict[str, tuple[int, int]]) -> bool:
    return sum(made for made, _ in parts_in_system(plant).values()) > sum(made for made, _ in counted.values())


def everything_is_read(plant: Product) -> bool:
    return fresh_machines(plant) == len(plant.simulator(truth=True)["machines"])


def let_all_run(plant: Product) -> None:
    for machine in plant.simulator(truth=True)["machines"]:
        plant.simulator(release=machine)
        plant.simulator(run=machine)


def test_parts_equal_the_journal_after_kills_and_a_minute_without_link(plant: Product) -> None:
    truth_before, system_before = standing_still(plant)
    let_all_run(plant)
    eventually("the bagger counts", lambda: parts_in_system(plant)[BAGGER] > system_before[BAGGER])

    plant.simulator(link_loss="BAG1", for_s=LINK_LOSS_S)
    for victim in ("plc", "redis", "postgres", "plc"):
        plant.kill(victim)
        counted = eventually(f"an answer after {victim}", lambda: parts_in_system(plant), within_s=30)
        eventually(
            f"parts after {victim} was killed",
            partial(has_made_more_than, plant, counted),
            within_s=60,
        )
    eventually("all machines are read again", lambda: everything_is_read(plant), within_s=120)

    truth_after, system_after = standing_still(plant)
    differences = {
        code: tuple(
            (truth_after[code][n] - truth_before[code][n]) - (system_after[code][n] - system_before[code][n])
            for n in (0, 1)
        )
        for code in truth_after
        if code != "BP01.PACK.BAG1.BL"  # its rejects are not counted by any counter of its own
    }
    made = sum(truth_after[code][0] - truth_before[code][0] for code in truth_after)
    print(f"\nparts made meanwhile {made}; journal minus system (made, rejected): {differences}")
    assert set(differences.values()) == {(0, 0)}
    assert made > 100


def longest_unknown(plant: Product, machine: str) -> tuple[datetime, datetime]:
    """The longest time in which nobody knew what the machine did."""
    return plant.rows(
        "SELECT at, next FROM (SELECT at, state, lead(at) OVER (ORDER BY at) AS next FROM floor_stateedge s"
        " JOIN floor_equipment e ON e.id = s.equipment_id"
        " WHERE e.code = %s AND at > now() - interval '15 minutes') edges"
        " WHERE state = 'unknown' AND next IS NOT NULL ORDER BY next - at DESC LIMIT 1",
        machine,
    )[0]


def test_the_minute_without_link_is_no_data_and_no_stop(plant: Product) -> None:
    lost_at, back_at = longest_unknown(plant, BAGGER)
    assert back_at - lost_at >= timedelta(seconds=LINK_LOSS_S - 5)
    states = plant.rows(
        "SELECT DISTINCT l.state, l.kind FROM oee_ledgerentry l JOIN floor_equipment e ON e.id = l.equipment_id"
        " WHERE e.code = %s AND l.started_at < %s AND l.ended_at > %s",
        BAGGER,
        back_at,
        lost_at,
    )
    # The demo plant keeps real time: in a break nobody expects data, so the time is the break's.
    assert set(states) <= {("no_data", ""), ("planned", "break")}


def test_the_ledger_tiles_the_time_of_every_machine(plant: Product) -> None:
    holes = plant.rows(
        "SELECT count(*) FROM (SELECT equipment_id, ended_at,"
        " lead(started_at) OVER (PARTITION BY equipment_id ORDER BY started_at) AS next FROM oee_ledgerentry) pairs"
        " WHERE next IS NOT NULL AND next <> ended_at"
    )
    assert holes == [(0,)]
