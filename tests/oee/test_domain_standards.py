from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from oee.domain.factors import Policy
from oee.domain.judging import Judging, Restated, Rule, Rules, Steps
from oee.domain.standards import BEGINNING, RunningJob, Standard, Standards

LINE, BAG1, LOADER, WHITE, RYE = (uuid4() for _ in range(5))
NAMES = {LINE: "L-BAG1", BAG1: "BP01.PACK.BAG1", WHITE: "White sliced 500 g"}
LONDON = ZoneInfo("Europe/London")
NOV = datetime(2026, 11, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def standard(
    ms: int,
    *,
    line: UUID | None = None,
    equipment: UUID | None = None,
    product: UUID | None = None,
    since: datetime = BEGINNING,
    until: datetime | None = None,
) -> Standard:
    return Standard(line, equipment, product, ms, since, until)


ALL = [
    standard(500, equipment=BAG1, product=WHITE),
    standard(600, product=WHITE),
    standard(700, equipment=BAG1),
    standard(800, line=LINE),
]


def test_the_most_particular_standard_wins() -> None:
    for place, row in enumerate(ALL):
        left = Standards(tuple(ALL[place:]))
        assert left.ideal_cycle(LINE, BAG1, WHITE, NOON) == row
    assert Standards(()).ideal_cycle(LINE, BAG1, WHITE, NOON) is None


def test_a_standard_of_another_product_or_machine_holds_for_neither() -> None:
    found = Standards(tuple(ALL))
    assert found.ideal_cycle_ms(LINE, BAG1, RYE, NOON) == 700
    assert found.ideal_cycle_ms(LINE, LOADER, RYE, NOON) == 800
    assert found.ideal_cycle_ms(LINE, LOADER, WHITE, NOON) == 600


def test_the_source_is_told_in_words_by_the_clock_of_the_plant() -> None:
    late = datetime(2026, 7, 31, 23, 30, tzinfo=UTC)  # half past midnight in London
    assert standard(500, equipment=BAG1, product=WHITE, since=NOV).source(NAMES, LONDON) == (
        "White sliced 500 g on BP01.PACK.BAG1, since 1 Nov 2026"
    )
    assert standard(500, line=LINE, since=late).source(NAMES, LONDON) == "L-BAG1, since 1 Aug 2026"
    assert standard(500, product=WHITE).source(NAMES, LONDON) == "White sliced 500 g"


moments = st.integers(0, 30).map(lambda day: NOV + timedelta(days=day))
rows = st.builds(
    lambda ms, equipment, product, since, days: standard(
        ms, equipment=equipment, product=product, since=since, until=None if days is None else since + timedelta(days)
    ),
    st.integers(1, 999),
    st.sampled_from([None, BAG1]),
    st.sampled_from([None, WHITE]),
    moments,
    st.none() | st.integers(1, 9),
)


@given(st.lists(rows, max_size=6), moments, st.integers(0, 86_399_999))
def test_the_changes_of_a_cycle_say_the_same_as_asking_at_every_moment(
    found: list[Standard], day: datetime, ms: int
) -> None:
    known = Standards(tuple(found))
    at = day + timedelta(milliseconds=ms)
    steps = Steps(((int(since.timestamp() * 1000), cycle) for since, cycle in known.changes(LINE, BAG1, WHITE)), None)
    assert steps.at(int(at.timestamp() * 1000)) == known.ideal_cycle_ms(LINE, BAG1, WHITE, at)


# ---------------------------------------------------------------- judged anew

OLD, NEW = Policy(), Policy(planned_stops_reduce_availability=False)
RULES = Steps([(100, Rule(60, NEW))], Rule(120, OLD))


def test_an_hour_is_read_by_the_policy_under_which_its_shift_began() -> None:
    rules = Rules(RULES, Judging())
    assert rules.policy(120, 90) == OLD
    assert rules.policy(120, 110) == NEW
    assert rules.policy(120, None) == NEW


def test_restating_part_of_a_shift_leaves_its_other_hours_alone() -> None:
    rules = Rules(RULES, Judging([Restated(40, 60, 200)]))
    assert rules.policy(40, 40) == NEW
    assert rules.policy(60, 40) == OLD
    assert rules.at(50).micro_ms == 60
    assert rules.at(60).micro_ms == 120


def test_of_two_restatements_the_later_one_holds() -> None:
    rules = Rules(RULES, Judging([Restated(0, 90, 200), Restated(20, 40, 50)]))
    assert [rules.policy(hour, hour) for hour in (10, 20, 40)] == [NEW, OLD, NEW]


def job(*cycles: Standard, product: UUID = WHITE) -> RunningJob:
    return RunningJob(uuid4(), "4711", product, BAG1, cycles)


def of_job(ms: int, since: datetime = BEGINNING, until: datetime | None = None) -> Standard:
    return Standard(None, None, None, ms, since, until, job="4711")


def test_the_job_that_runs_wins_over_every_other_standard_and_is_told_as_the_source() -> None:
    found = Standards(tuple(ALL)).ideal_cycle(LINE, BAG1, WHITE, NOON, job(of_job(450)))

    assert found is not None
    assert (found.ideal_cycle_ms, found.source(NAMES, LONDON), found.words) == (450, "job 4711", "job 4711")


def test_a_job_without_an_ideal_cycle_of_its_own_changes_nothing() -> None:
    assert Standards(tuple(ALL)).ideal_cycle(LINE, BAG1, WHITE, NOON, job()) == ALL[0]


def test_the_ideal_cycle_of_a_job_is_for_its_product_on_the_machine_that_speaks_for_the_line() -> None:
    found, white = Standards(tuple(ALL)), job(of_job(450))
    assert found.ideal_cycle_ms(LINE, BAG1, RYE, NOON, white) == 700
    assert found.ideal_cycle_ms(LINE, LOADER, WHITE, NOON, white) == 600
    assert found.ideal_cycle_ms(LINE, BAG1, None, NOON, white) == 450, "nobody knows what was made, but the job does"


def test_the_ideal_cycle_of_a_job_changes_from_a_moment_on() -> None:
    changing = job(of_job(450, until=NOON), of_job(480, NOON))
    changes = Standards(tuple(ALL)).changes(LINE, BAG1, WHITE, changing)
    assert changes == [(BEGINNING, 450), (NOON, 480)]
