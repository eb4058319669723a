"""Charts show what the numbers say: nothing clamped, nothing invented, every shape inside its drawing."""

import math
import re
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.template.loader import render_to_string
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from oee.charts.comparison import Contender, Measure, comparison
from oee.charts.heat import heat
from oee.charts.hourly import Hour, hourly
from oee.charts.pareto import Cause, pareto, ranking
from oee.charts.scale import labels, spanning
from oee.charts.spark import spark
from oee.charts.timeline import NARROWEST, Kind, Machine, Stretch, timeline
from oee.charts.trend import Period, Series, trend
from oee.charts.waterfall import Loss, Stage, waterfall
from tests.browser.charts import CHARTS

MINUTE = 60_000
BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = datetime(2026, 10, 24, 20, tzinfo=UTC)  # 22:00 in Berlin; the clock goes back at 03:00
RATIO = st.none() | st.floats(0, 1.4, allow_nan=False)
MS = st.integers(-10_000 * MINUTE, 10_000 * MINUTE)
STAGES = st.lists(
    st.builds(Stage, st.lists(st.builds(Loss, st.just("Loss"), MS), max_size=4).map(tuple), st.just("Left")), max_size=4
)
KINDS = st.sampled_from(list(Kind))


def numbers(shape: object) -> list[float]:
    """Every number anywhere in a chart."""
    if isinstance(shape, float):
        return [shape]
    if isinstance(shape, tuple | list):
        return [number for part in shape for number in numbers(part)]
    if is_dataclass(shape):
        return [number for field in fields(shape) for number in numbers(getattr(shape, field.name))]
    return []


def is_sound(chart: object) -> bool:
    return all(math.isfinite(number) for number in numbers(chart))


def stretches(minutes: list[tuple[float, Kind]], start: datetime = SATURDAY) -> tuple[Stretch, ...]:
    made: list[Stretch] = []
    at = start
    for length, kind in minutes:
        made.append(Stretch(at, at := at + timedelta(minutes=length), kind, href=f"#{len(made)}"))
    return tuple(made)


# ---------------------------------------------------------------- scale


RATIOS_OR_COUNTS = st.lists(st.integers(-20_000, 20_000).map(lambda n: n / 10_000), min_size=1, max_size=20) | st.lists(
    st.integers(-(10**9), 10**9).map(float), min_size=1, max_size=20
)


@given(RATIOS_OR_COUNTS)
def test_an_axis_holds_every_value_between_its_first_and_last_line(values: list[float]) -> None:
    scale = spanning(values)
    reach = (scale.high - scale.low) * 1e-6

    assert scale.low - reach <= min(values)
    assert max(values) <= scale.high + reach
    assert all(a.value < b.value and a.at < b.at for a, b in pairwise(scale.marks))
    assert 2 <= len(scale.marks) <= 7
    assert is_sound(scale.marks)


@given(st.integers(0, 400), st.text("x", min_size=1, max_size=20))
def test_labels_have_room_under_the_axis(count: int, text: str) -> None:
    found = labels([text] * count, [float(n) for n in range(count)])

    assert len(found) * len(text) <= 110 + len(text)
    assert sum(len(text) for label in found if not label.wide_only) <= 38 + len(text)
    assert not count or not found[0].wide_only


# ---------------------------------------------------------------- trend


@given(st.lists(RATIO, max_size=40), RATIO, st.sampled_from(["columns", "line"]))
def test_every_known_value_is_drawn_once_and_no_unknown_one(
    values: list[float | None], target: float | None, look: str
) -> None:
    periods = [Period(str(n)) for n in range(len(values))]
    chart = trend(periods, (Series("OEE", tuple(values), target, look=look),))  # type: ignore[arg-type]
    panel = chart.panels[0]
    known = [value for value in values if value is not None]

    assert is_sound(chart)
    assert [point.value for point in panel.known] == known
    assert sum(len(line.split()) for line in panel.lines) == (len(known) if look == "line" else 0)
    assert all(0 <= point.down <= 100 for point in panel.known)
    assert all(column.width > 0 and column.height >= 0 for column in panel.columns)
    assert len(chart.shades) == len(values) - len(known)


def test_a_gap_breaks_the_line_and_is_no_zero() -> None:
    values = (0.7, 0.8, None, 0.75)
    chart = trend([Period(day) for day in "MTWT"], (Series("OEE", values),))

    assert [len(line.split()) for line in chart.panels[0].lines] == [2, 1]
    assert chart.panels[0].lowest is not None
    assert chart.panels[0].lowest.value == 0.7
    assert [shade.is_empty for shade in chart.shades] == [True]


def test_a_performance_of_104_per_cent_stands_above_the_line_of_100() -> None:
    chart = trend([Period("Mon")], (Series("Performance", (1.04,), 0.85),))
    panel = chart.panels[0]

    assert panel.points[0].down < panel.whole_down


def test_a_day_outside_the_control_limits_is_named() -> None:
    chart = trend([Period("Mon"), Period("Tue")], (Series("OEE", (0.7, 0.4), None, 0.5, 0.9),))

    assert [point.label for point in chart.panels[0].outside] == ["Tue"]


def test_a_day_of_which_too_little_was_seen_is_shaded() -> None:
    chart = trend([Period("Mon", 0.95), Period("Tue", 0.82)], (Series("OEE", (0.7, 0.7)),))

    assert [(shade.completeness, shade.is_empty) for shade in chart.shades] == [(0.82, False)]


# ---------------------------------------------------------------- waterfall


@given(st.integers(0, 10_000 * MINUTE), STAGES)
def test_losses_add_up_to_the_millisecond_from_planned_to_fully_productive(planned: int, stages: list[Stage]) -> None:
    chart = waterfall(planned, stages)
    lost = sum(step.ms for step in chart.steps if step.kind != "total")

    assert chart.first.ms - lost == chart.last.ms
    assert is_sound(chart)
    assert all(step.width >= 0 and 0 <= step.left <= 100.01 for step in chart.steps)
    assert len(chart.joins) == len(chart.steps) - 1
    assert sum(step.is_largest for step in chart.steps) <= 1


@given(st.integers(1, 10_000 * MINUTE), STAGES)
def test_each_step_begins_where_the_last_one_ended(planned: int, stages: list[Stage]) -> None:
    chart = waterfall(planned, stages)

    for join, (before, after) in zip(chart.joins, pairwise(chart.steps), strict=True):
        for step in (before, after):
            ends = (step.left, step.left + step.width)
            assert min(abs(end - join.x) for end in ends) < 0.03


def test_running_faster_than_ideal_is_a_step_to_the_right() -> None:
    chart = waterfall(60 * MINUTE, (Stage((Loss("Reduced speed", -5 * MINUTE),), "Net running time"),))
    gain = chart.gains[0]

    assert (gain.ms, gain.gained_ms) == (-5 * MINUTE, 5 * MINUTE)
    assert gain.share == pytest.approx(-5 / 60)
    assert gain.left + gain.width > chart.marks[-1].at  # beyond 100 %


def test_no_share_is_claimed_of_no_planned_time() -> None:
    chart = waterfall(0, (Stage((Loss("Breakdowns", 0),), "Running time"),))

    assert {step.share for step in chart.steps} == {None}


# ---------------------------------------------------------------- timeline


@given(st.lists(st.tuples(st.floats(0.001, 90), KINDS), max_size=60), st.floats(0.05, 20))
def test_blocks_follow_each_other_inside_the_window(minutes: list[tuple[float, Kind]], hours: float) -> None:
    chart = timeline([Machine("Bagger", stretches(minutes))], SATURDAY, SATURDAY + timedelta(hours=hours), BERLIN)
    blocks = chart.lanes[0].blocks

    assert all(block.width >= 0 and 0 <= block.x <= 100 and block.start < block.end for block in blocks)
    assert all(a.end <= b.start for a, b in pairwise(blocks))
    assert all(a.at.astimezone(UTC) < b.at.astimezone(UTC) and a.x < b.x for a, b in pairwise(chart.ticks))
    assert is_sound(chart)


@given(st.lists(st.tuples(st.floats(0.001, 90), KINDS), max_size=60))
def test_no_time_is_lost_by_drawing_stretches_together(minutes: list[tuple[float, Kind]]) -> None:
    found = stretches(minutes)
    end = SATURDAY + timedelta(hours=100)
    lane = timeline([Machine("Bagger", found)], SATURDAY, end, BERLIN).lanes[0]

    assert sum(block.drawn_together for block in lane.blocks) == len(found)
    assert sum((block.length for block in lane.blocks), timedelta()) == sum((s.length for s in found), timedelta())
    assert sum((spent.length for spent in lane.spent if spent.length), timedelta()) == sum(
        (s.length for s in found), timedelta()
    )


def test_a_hundred_thousand_short_stops_stay_a_few_thousand_blocks() -> None:
    found = stretches([(0.1, Kind.RUN if n % 2 else Kind.MINOR) for n in range(100_000)])
    chart = timeline([Machine("Bagger", found)], SATURDAY, found[-1].end, BERLIN)

    assert len(chart.lanes[0].blocks) <= 2 * NARROWEST + 1


def test_short_stretches_drawn_together_look_like_the_worst_and_lead_to_it() -> None:
    found = stretches([(0.1, Kind.RUN), (0.1, Kind.SLOW), (0.1, Kind.STOP), (0.1, Kind.RUN), (900, Kind.RUN)])
    block = timeline([Machine("Bagger", found)], SATURDAY, found[-1].end, BERLIN).lanes[0].blocks[0]

    assert (block.kind, block.href, block.drawn_together) == (Kind.STOP, "#2", 4)


def test_the_hour_that_the_clock_shows_twice_has_two_ticks_with_their_offsets() -> None:
    chart = timeline([], SATURDAY, SATURDAY + timedelta(hours=9), BERLIN)
    twice = [tick for tick in chart.ticks if tick.is_twice]

    assert [f"{tick.at:%H:%M}" for tick in chart.ticks[3:7]] == ["01:00", "02:00", "02:00", "03:00"]
    assert [f"{tick.at:%z}" for tick in twice] == ["+0200", "+0100"]
    assert {round(b.x - a.x, 1) for a, b in pairwise(chart.ticks)} == {11.1}


def test_a_window_given_in_plant_time_has_its_true_length_on_the_night_of_the_change() -> None:
    start, end = datetime(2026, 10, 24, 22, tzinfo=BERLIN), datetime(2026, 10, 25, 6, tzinfo=BERLIN)
    chart = timeline([Machine("Bagger", (Stretch(start, end, Kind.RUN),))], start, end, BERLIN)

    assert chart.lanes[0].blocks[0].length == timedelta(hours=9)
    assert chart.lanes[0].blocks[0].width == 100


def test_the_hour_that_spring_leaves_out_has_no_tick() -> None:
    start = datetime(2027, 3, 28, 0, tzinfo=BERLIN)
    chart = timeline([], start, start.astimezone(UTC) + timedelta(hours=5), BERLIN)

    assert [f"{tick.at:%H:%M}" for tick in chart.ticks][0::2] == ["00:00", "01:00", "03:00", "04:00", "05:00", "06:00"]


def test_whole_days_are_cut_at_the_plants_midnight() -> None:
    start = datetime(2026, 10, 23, tzinfo=BERLIN)
    chart = timeline([], start, datetime(2026, 10, 30, tzinfo=BERLIN), BERLIN)

    assert chart.are_days
    assert {(tick.at.hour, tick.at.minute) for tick in chart.ticks} == {(0, 0)}


# ---------------------------------------------------------------- pareto


@given(st.lists(st.builds(Cause, st.text(max_size=5), st.integers(0, 10**9)), max_size=30), st.integers(1, 12))
def test_the_bars_of_a_pareto_are_all_of_it_and_shrink(causes: list[Cause], at_most: int) -> None:
    chart = pareto(causes, at_most=at_most)
    own = [bar for bar in chart.bars if not bar.others]

    assert sum(bar.value for bar in chart.bars) == sum(cause.value for cause in causes)
    assert all(a.value >= b.value for a, b in pairwise(own))
    assert all((a.cumulative or 0) <= (b.cumulative or 0) for a, b in pairwise(chart.bars))
    assert all(0 <= bar.width <= 100 for bar in chart.bars)
    assert not chart.bars or chart.bars[-1].cumulative == pytest.approx(1)
    assert len(chart.bars) <= at_most + 1
    assert is_sound(chart)


def test_those_that_make_up_eighty_per_cent_together_are_marked() -> None:
    chart = pareto([Cause("Film", 50), Cause("Servo", 25), Cause("Jam", 15), Cause("Drop", 10)])

    assert [bar.label for bar in chart.vital_bars] == ["Film", "Servo", "Jam"]


def test_many_small_causes_stand_in_one_row_with_their_number() -> None:
    chart = pareto([Cause(str(n), 100 - n) for n in range(12)], at_most=8)

    assert (len(chart.bars), chart.bars[-1].others, chart.bars[-1].value) == (9, 4, 92 + 91 + 90 + 89)


def test_times_between_stops_are_ranked_and_not_added_up() -> None:
    chart = ranking([Cause("Film", 900), Cause("Servo", 300)])

    assert [bar.label for bar in chart.bars] == ["Servo", "Film"]
    assert {bar.cumulative for bar in chart.bars} == {None}
    assert (chart.total, chart.line) == (None, "")


# ---------------------------------------------------------------- heat map, comparison, hours, spark


@given(st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 23)), RATIO), st.sampled_from(["most", "least"]))
def test_the_louder_cell_never_holds_the_lesser_reason(
    values: dict[tuple[int, int], float | None], loudest: str
) -> None:
    chart = heat(values, loudest=loudest)  # type: ignore[arg-type]
    cells = [cell for day in chart.days for cell in day.cells]
    known = sorted((cell.value, cell.level) for cell in cells if cell.value is not None and cell.level is not None)
    levels = [level for _, level in (known if loudest == "most" else reversed(known))]

    assert len(known) == sum(value is not None for value in values.values())
    assert all(a <= b for a, b in pairwise(levels))
    assert all(0 <= level <= 5 for level in levels)
    assert sum(cell.is_scheduled for cell in cells) == len(values)


@given(st.lists(st.tuples(RATIO, RATIO), max_size=20))
def test_contenders_are_sorted_and_drawn_to_one_scale(values: list[tuple[float | None, float | None]]) -> None:
    chart = comparison([Contender(str(n), pair) for n, pair in enumerate(values)], (Measure("OEE", 0.7), Measure("A")))
    first = [row.cells[0].value for row in chart.rows]
    known = [value for value in first if value is not None]

    assert first == sorted(known, reverse=True) + [None] * (len(first) - len(known))
    assert all(0 <= cell.width <= 100 for row in chart.rows for cell in row.cells)
    assert is_sound(chart)


def test_a_bar_of_more_than_100_per_cent_goes_beyond_the_mark() -> None:
    chart = comparison([Contender("L-1", (1.04,))], (Measure("Performance"),))
    cell = chart.rows[0].cells[0]

    assert cell.width > cell.whole
    assert cell.is_over


def test_differences_are_to_the_other_shift_and_none_to_an_unknown_one() -> None:
    early, late = Contender("Early", (0.7, None)), Contender("Late", (0.8, 0.9))
    chart = comparison([early, late], (Measure("OEE"), Measure("Availability")), compare_with=late)

    assert [row.label for row in chart.rows] == ["Late", "Early"]
    assert [cell.difference for cell in chart.rows[1].cells] == [pytest.approx(-0.1), None]
    assert [cell.difference for cell in chart.rows[0].cells] == [None, None]


@given(st.lists(st.tuples(st.none() | st.integers(-500, 10**6), st.integers(0, 10**6)), max_size=24))
def test_the_hours_add_up_to_what_is_said_above_them(counted: list[tuple[int | None, int]]) -> None:
    chart = hourly([Hour(str(n), good, target) for n, (good, target) in enumerate(counted)])
    known = [(good, target) for good, target in counted if good is not None]

    assert chart.difference == (sum(good - target for good, target in known) if known else None)
    assert all(c.height >= 0 and 0 <= c.top <= 100.01 and 0 <= c.target_down <= 100 for c in chart.columns)
    assert is_sound(chart)


@given(st.lists(RATIO, max_size=30), RATIO)
def test_a_spark_has_a_bar_for_each_value_and_a_dot_for_each_gap(
    values: list[float | None], target: float | None
) -> None:
    chart = spark(values, target=target)

    assert len(chart.bars) == sum(value is not None for value in values)
    assert len(chart.gaps) == sum(value is None for value in values)
    assert all(bar.height >= 0 and bar.width > 0 for bar in chart.bars)
    assert is_sound(chart)


# ---------------------------------------------------------------- as printed

STORIES = [(kind, title, more, chart) for kind, charts in CHARTS.items() for title, more, chart in charts]


def printed(kind: str, title: str, more: str, chart: object, id: str = "it") -> str:
    words = dict(re.findall(r'(\w+)="([^"]*)"', more))
    with timezone.override(BERLIN):
        return render_to_string(f"oee/charts/{kind}.html", {"chart": chart, "id": id, "title": title, **words})


@pytest.mark.parametrize(("kind", "title", "more", "chart"), STORIES, ids=[story[1] for story in STORIES])
def test_every_chart_names_itself_and_has_ids_of_its_own(kind: str, title: str, more: str, chart: object) -> None:
    html = printed(kind, title, more, chart)
    ids = re.findall(r'\sid="([^"]+)"', html)
    named = {name for names in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', html) for name in names.split()}
    filled = set(re.findall(r"(?:url\(|<use href=\")#([^)\"]+)", html))

    assert title in html
    assert len(ids) == len(set(ids))
    assert all(name.split("-")[0] == "it" for name in ids)
    assert named | filled <= set(ids)
    assert "nan" not in html.lower().replace("maintenance", "")


@pytest.mark.parametrize("kind", sorted(set(CHARTS) - {"spark"}))
def test_every_chart_has_its_numbers_in_a_table_too(kind: str) -> None:
    html = printed(kind, *CHARTS[kind][0])
    table = html[html.index("<details") :]

    assert "<table>" in table
    assert 'scope="col"' in table
    assert 'scope="row"' in table


def test_words_are_never_inside_a_stretched_drawing() -> None:
    for kind, title, more, chart in STORIES:
        html = printed(kind, title, more, chart)
        stretched = re.findall(r'<svg[^>]*preserveAspectRatio="none"[^>]*>(.*?)</svg>', html, re.S)

        assert not any("<text" in inside for inside in stretched)


def test_a_month_of_four_ratios_is_a_small_page() -> None:
    html = printed("trend", *CHARTS["trend"][0])

    print(f"\ntrend of 30 days: {len(html.encode())} bytes")
    assert len(html.encode()) < 22_000
