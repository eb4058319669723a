from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from floor.domain.machine import State
from oee.domain.clock import from_ms, to_ms
from oee.domain.factors import COLUMNS, total
from oee.domain.ledger import (
    LOSS_CLASSES,
    Edge,
    Entry,
    Kind,
    Ledger,
    Part,
    Schedule,
    Segment,
    Told,
    Track,
    ledger,
    overlay,
    segments,
)
from oee.domain.stops import BRIDGE_MS, Merge, Note, PlannedTime, Stop, merged, parts, stops

MINUTE = 60_000
END = 600 * MINUTE
RUN, STOP, UNKNOWN = State.RUN, State.STOP, State.UNKNOWN

EDGES = st.lists(
    st.builds(Edge, st.integers(0, END), st.sampled_from(list(State))), max_size=30, unique_by=lambda edge: edge.at
)


def spans(text: str) -> st.SearchStrategy[Track[str]]:
    """Disjoint spans inside the window."""
    cuts = st.lists(st.integers(0, END), max_size=8, unique=True).map(sorted)
    return cuts.map(lambda c: Track((a, b, text) for a, b in zip(c[::2], c[1::2], strict=False)))


SCHEDULES = st.builds(Schedule, spans("Day"), spans("Tea"))
WINDOWS = st.lists(st.integers(0, END), min_size=2, max_size=2, unique=True).map(sorted)
LOSSES = st.none() | st.sampled_from(LOSS_CLASSES)
SPANS = st.tuples(st.integers(0, END), st.none() | st.integers(0, END), LOSSES)
NOTES = st.lists(SPANS, max_size=6).map(
    lambda raw: sorted(
        (Note(key, s, e, None if loss is None else "R", loss) for key, (s, e, loss) in enumerate(raw)),
        key=lambda note: note.start,
    )
)
PLANNED = st.lists(SPANS.filter(lambda span: span[2] is not None), max_size=3).map(
    lambda raw: [PlannedTime(key, s, e, "P", loss or Kind.PLANNED) for key, (s, e, loss) in enumerate(raw)]
)


def seen(edges: list[Edge], until: int = END) -> list[Segment]:
    return segments(edges, 0, until)


def account(
    edges: list[Edge], schedule: Schedule, notes: list[Note], start: int, end: int, cuts: tuple[int, ...] = ()
) -> list[Entry]:
    pieces = [p for stop in stops(seen(edges), END) for p in parts(stop, notes, stop.is_minor(2 * MINUTE), END)]
    track: Track[Part] = Track((p.start, p.end, p) for p in pieces)
    return ledger(segments(edges, start, end), schedule, track, start, end, cuts)


@given(EDGES, WINDOWS)
def test_segments_tile_the_window_and_neighbours_differ(edges: list[Edge], window: list[int]) -> None:
    found = segments(edges, window[0], window[1])

    assert (found[0].start, found[-1].end) == tuple(window)
    assert all(a.end == b.start and a.state is not b.state for a, b in pairwise(found))


@given(EDGES, SCHEDULES, NOTES, WINDOWS)
def test_the_ledger_tiles_any_window(
    edges: list[Edge], schedule: Schedule, notes: list[Note], window: list[int]
) -> None:
    found = account(edges, schedule, notes, window[0], window[1])

    assert (found[0].start, found[-1].end) == tuple(window)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert all(entry.start < entry.end for entry in found)
    spent = total(found)
    assert spent.calendar_ms == window[1] - window[0]
    assert spent.calendar_ms == sum(getattr(spent, name) for name in set(COLUMNS.values()))


@given(EDGES, SCHEDULES, NOTES, WINDOWS, st.integers(0, END))
def test_cutting_the_window_anywhere_changes_no_total(
    edges: list[Edge], schedule: Schedule, notes: list[Note], window: list[int], cut: int
) -> None:
    start, end = window
    cut = min(max(cut, start + 1), end - 1) if end - start > 1 else start
    whole = total(account(edges, schedule, notes, start, end))

    halves = [total(account(edges, schedule, notes, a, b)) for a, b in ((start, cut), (cut, end)) if a < b]
    marked = total(account(edges, schedule, notes, start, end, cuts=(cut,)))

    assert sum(halves[1:], halves[0]) == whole == marked


@given(EDGES, SCHEDULES, WINDOWS, st.randoms())
def test_shuffling_and_repeating_edges_changes_nothing(
    edges: list[Edge], schedule: Schedule, window: list[int], dice: Random
) -> None:
    again = edges + edges[: len(edges) // 2]
    dice.shuffle(again)

    assert account(again, schedule, [], window[0], window[1]) == account(edges, schedule, [], window[0], window[1])


@given(EDGES)
def test_stops_are_disjoint_and_hold_all_time_seen_standing(edges: list[Edge]) -> None:
    found = stops(seen(edges), END)

    assert all(a.ended_at is not None and a.ended_at <= b.started_at for a, b in pairwise(found))
    for segment in segments(edges, 0, END):
        covered = any(s.started_at <= segment.start and (s.ended_at or END) >= segment.end for s in found)
        if segment.state is not UNKNOWN:
            assert covered == (segment.state is STOP)


@given(EDGES, NOTES, PLANNED)
def test_cutting_a_stop_into_parts_conserves_its_time(
    edges: list[Edge], notes: list[Note], planned: list[PlannedTime]
) -> None:
    for stop in stops(seen(edges), END):
        pieces = parts(stop, notes, False, END, planned)
        assert (pieces[0].start, pieces[-1].end) == (stop.started_at, stop.ended_at or END)
        assert all(a.end == b.start for a, b in pairwise(pieces))


def test_off_shift_beats_everything_and_running_beats_the_break() -> None:
    schedule = Schedule(Track([(0, 60, "Day")]), Track([(20, 40, "Tea")]))

    found = ledger(segments([Edge(0, RUN), Edge(30, STOP)], 0, 80), schedule, Track([]), 0, 80)

    assert [(e.start, e.end, e.state, e.kind) for e in found] == [
        (0, 30, Ledger.RUN, Kind.NONE),
        (30, 40, Ledger.PLANNED, Kind.BREAK),
        (40, 60, Ledger.STOP, Kind.FAILURE),
        (60, 80, Ledger.OFF_SHIFT, Kind.NONE),
    ]


def test_a_long_silence_ends_one_stop_and_begins_another() -> None:
    silence = BRIDGE_MS + 1
    edges = [Edge(0, STOP), Edge(1000, UNKNOWN), Edge(1000 + silence, STOP), Edge(1000 + 2 * silence, RUN)]

    assert stops(seen(edges), END) == [Stop(0, 1000), Stop(1000 + silence, 1000 + 2 * silence)]


def test_a_silence_that_ends_in_running_ends_the_stop_where_it_was_last_seen() -> None:
    assert stops(seen([Edge(0, STOP), Edge(1000, UNKNOWN), Edge(2000, RUN)]), END) == [Stop(0, 1000)]


def test_a_stop_is_minor_by_its_whole_length_and_only_once_it_has_ended() -> None:
    assert Stop(0, 119_999).is_minor(120_000)
    assert not Stop(0, 120_000).is_minor(120_000)
    assert not Stop(0, None).is_minor(120_000)


def test_a_later_note_paints_over_an_earlier_one() -> None:
    notes = [Note(1, 0, None, "JAM", Kind.FAILURE), Note(2, 40, 60, "CLEANING", Kind.PLANNED)]

    pieces = parts(Stop(0, 100), notes, False, END)

    assert [(p.start, p.end, p.reason, p.coding) for p in pieces] == [
        (0, 40, "JAM", 1),
        (40, 60, "CLEANING", 2),
        (60, 100, "JAM", 1),
    ]


def test_what_is_said_about_a_stop_beats_the_planned_stop_it_fell_into() -> None:
    planned = [PlannedTime(7, 10, None, "CHANGEOVER", Kind.SETUP)]

    pieces = parts(Stop(0, 100), [Note(1, 50, None, "JAM", Kind.FAILURE)], False, END, planned)

    assert [(p.start, p.end, p.reason, p.kind, p.planned) for p in pieces] == [
        (0, 10, None, Kind.FAILURE, None),
        (10, 50, "CHANGEOVER", Kind.SETUP, 7),
        (50, 100, "JAM", Kind.FAILURE, None),
    ]


def test_a_cut_without_a_reason_makes_a_part_that_is_still_to_be_explained() -> None:
    pieces = parts(Stop(0, 100), [Note(1, 0, None, "JAM", Kind.FAILURE), Note(2, 60, None, None, None)], False, END)

    assert [(p.start, p.end, p.reason, p.coding) for p in pieces] == [(0, 60, "JAM", 1), (60, 100, None, 2)]


@given(EDGES, st.lists(st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted), max_size=3))
def test_merging_stops_keeps_their_first_start_and_last_end(edges: list[Edge], spans: list[list[int]]) -> None:
    before = stops(seen(edges), END)

    after = merged(before, [Merge(start, end) for start, end in spans])

    assert {stop.started_at for stop in after} <= {stop.started_at for stop in before}
    assert all(a.ended_at is not None and a.ended_at <= b.started_at for a, b in pairwise(after))
    for stop in before:
        assert any(m.started_at <= stop.started_at and (m.ended_at or END) >= (stop.ended_at or END) for m in after)


@given(EDGES, WINDOWS)
def test_people_can_say_a_machine_stood_only_where_nobody_saw_it(edges: list[Edge], told: list[int]) -> None:
    start, end = told

    after = overlay(seen(edges), [Told(start, end, UNKNOWN)])

    assert (after[0].start, after[-1].end) == (0, END)
    assert all(a.end == b.start and a.state is not b.state for a, b in pairwise(after))
    at = Track((s.start, s.end, s.state) for s in after)
    for segment in seen(edges):
        for moment in (segment.start, segment.end - 1):
            stood = segment.state is UNKNOWN and start <= moment < end
            assert at.at(moment) is (STOP if stood else segment.state)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 999))
def test_milliseconds_keep_equal_moments_equal(moment: datetime, micros: int) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    assert from_ms(to_ms(whole)) == whole
    assert to_ms(whole + timedelta(microseconds=micros)) == to_ms(whole)
