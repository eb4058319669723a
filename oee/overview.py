"""Many lines at one moment, at the price of a few: what an overview prints is read for all of them together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from floor.glance import one_glance
from floor.models import Equipment, Line
from floor.models.shifts import calendar
from oee.domain.clock import from_ms
from oee.jobs import jobs_in, jobs_of
from oee.rows import (
    Span,
    counts_of,
    hours_of,
    last_stop,
    minutes_of,
    primary_machine,
    product_name,
    uncoded_of,
    unexplained,
)
from oee.setup import judging_of, policies_of, products_of, standards_of
from oee.shift import live
from oee.tiles import last_minutes, may_be_asked_after, recent_minutes
from oee.tiles.planned import planned_now
from oee.tiles.words import shift_of


@contextmanager
def overview(lines: Sequence[Line], now: datetime) -> Iterator[None]:
    """Within it the state and the shift of each line (with its site loaded) are at hand."""
    with one_glance():
        for question in (calendar, primary_machine, policies_of, judging_of, products_of, standards_of):
            question.foresee(lines)
        machines = {line: machine for line in lines if (machine := primary_machine(line)) is not None}
        _foresee_shifts(machines, now)
        _foresee_states(machines, now)
        yield


def _foresee_shifts(machines: dict[Line, Equipment], now: datetime) -> None:
    windows = [(machine.id, window) for line, machine in machines.items() if (window := calendar(line).at(now))]
    spans = [Span(machine, window.starts_at, window.ends_at) for machine, window in windows]
    jobs_of.foresee(jobs_in(line, window) for line in machines if (window := calendar(line).at(now)))
    hours_of.foresee((span.machine, span.start) for span in spans)
    counts_of.foresee(spans)
    uncoded_of.foresee(spans)
    recent = [(shift.machine, recent_minutes(shift)) for line in machines if (shift := shift_of(line, now)) is not None]
    minutes_of.foresee(Span(machine.id, *map(from_ms, its)) for machine, its in recent if machine is not None)


def _foresee_states(machines: dict[Line, Equipment], now: datetime) -> None:
    since, until = map(from_ms, last_minutes(now))
    minutes_of.foresee(Span(machine.id, since, until) for machine in machines.values())
    last_stop.foresee(machine.id for machine in machines.values())
    planned_now.foresee((line.id, now) for line in machines)
    stops = [stop for machine in machines.values() if (stop := last_stop(machine.id)) is not None]
    unexplained.foresee(stop.id for stop in stops if may_be_asked_after(stop, now))
    seen = [(line, state.product_number) for line, machine in machines.items() if (state := live(machine)) is not None]
    product_name.foresee((line, number) for line, number in seen if number is not None)
