"""Which job ran on a line when, as figures know it: by whole minutes, because parts are counted by the minute."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Subquery

from floor.domain.shifts import ShiftWindow
from floor.glance import AskedForMany
from floor.models import Equipment, JobRun, Line
from oee.domain.clock import MINUTE_MS, to_ms
from oee.domain.ledger import Track
from oee.domain.standards import RunningJob, Standard

OPEN_END = 1 << 62

Jobs = Track[RunningJob]


class JobsIn(NamedTuple):
    """The runs of a line that touch [since, until); None is without limit."""

    line: UUID
    since: datetime | None
    until: datetime | None


def jobs_in(line: Line, window: ShiftWindow) -> JobsIn:
    """Of a shift, and of the minute after it: the last full one is judged in it."""
    return JobsIn(line.id, window.starts_at, window.ends_at + timedelta(minutes=1))


@AskedForMany
def jobs_of(stretches: Sequence[JobsIn]) -> dict[JobsIn, Jobs]:
    """One query for lines that share their times; a run that lasted less than a whole minute is left out."""
    lines: dict[tuple[datetime | None, datetime | None], list[UUID]] = defaultdict(list)
    for one in stretches:
        lines[one.since, one.until].append(one.line)
    return {
        JobsIn(line, since, until): Track(spans)
        for (since, until), its in lines.items()
        for line, spans in _spans(its, since, until).items()
    }


Spans = dict[UUID, list[tuple[int, int, RunningJob]]]


def _spans(lines: list[UUID], first: datetime | None, last: datetime | None) -> Spans:
    machines = Equipment.objects.filter(line=OuterRef("line"), enabled=True).order_by("-is_primary", "position")
    runs = JobRun.objects.filter(line__in=lines).touching(first, last)
    rows = runs.annotate(machine=Subquery(machines.values("pk")[:1])).values_list(
        "line", "started_at", "ended_at", "job", "job__number", "job__product", "machine",
        "job__ideal_cycles__ideal_cycle_ms", "job__ideal_cycles__valid_from", "job__ideal_cycles__valid_to",
    )  # fmt: skip
    cycles: dict[UUID, set[Standard]] = defaultdict(set)
    found: dict[tuple[UUID, int, int], tuple[UUID, str, UUID, UUID]] = {}
    for line, started_at, ended_at, job, number, product, machine, ms, since, until in rows:
        start, end = to_minute(started_at), OPEN_END if ended_at is None else to_minute(ended_at)
        if start < end:
            found[line, start, end] = (job, number, product, machine)
        if ms is not None:
            cycles[job].add(Standard(None, None, None, ms, since, until, job=number))
    spans: Spans = {line: [] for line in lines}
    for (line, start, end), (job, number, product, machine) in found.items():
        spans[line].append((start, end, RunningJob(job, number, product, machine, tuple(cycles[job]))))
    return spans


def to_minute(moment: datetime) -> int:
    """The beginning of its minute, in ms."""
    return to_ms(moment) // MINUTE_MS * MINUTE_MS
