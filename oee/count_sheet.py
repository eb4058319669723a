"""What people at a line see who count parts: scrap in two taps, hours that nobody saw, what was entered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from floor.domain.machine import State
from floor.domain.shifts import hours
from floor.models import Equipment, Line, StateEdge
from floor.models.shifts import calendar
from floor.templatetags.units import count
from oee.domain.clock import MINUTE_MS, SECOND_MS, from_ms, to_ms
from oee.domain.unseen import Sight, Span, cut, unseen, without
from oee.models import CountEntry, DefectReason
from oee.rows import primary_machine
from oee.shift import live

DEFECTS_SHOWN = 8
ENTRIES_SHOWN = 8
PIECES_SHOWN = 12
LOOK_BACK = timedelta(hours=12)
OFF_SHIFT = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class ScrapSheet:
    line_code: str
    equipment_name: str
    defects: tuple[DefectReason, ...]
    targets: tuple[tuple[str, str], ...]  # value, words


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry, in words. `again` may be pressed where the same is likely to happen once more."""

    id: int
    at: datetime
    words: str
    sort: str
    who: str
    again: bool


@dataclass(frozen=True, slots=True)
class CountsTile:
    """What people entered in this shift, the newest first; `summary` tells the parts taken out of it."""

    line_code: str
    rows: tuple[EntryRow, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch that may be counted by hand; `value` is what a form sends."""

    value: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class UncountedMachine:
    code: str
    name: str
    pieces: tuple[Piece, ...]  # newest first


def scrap_sheet(line: Line) -> ScrapSheet | None:
    """None for a line without machines: there is nothing that could have made scrap."""
    machine = primary_machine(line)
    if machine is None:
        return None
    defects = tuple(DefectReason.objects.offered()[:DEFECTS_SHOWN])
    return ScrapSheet(line.code, machine.name, defects, tuple(DefectReason.SORTS))


# ---------------------------------------------------------------- entered


def entries_between(line: Line, start: datetime, end: datetime) -> QuerySet[CountEntry]:
    """Standing entries whose parts belong to [start, end)."""
    return _belonging(line, start, end).order_by("made_at", "pk")


def _belonging(line: Line, start: datetime, end: datetime) -> QuerySet[CountEntry]:
    return CountEntry.objects.standing().filter(equipment__line=line, ends_at__gt=start, ends_at__lte=end)


def counts_tile(line: Line, now: datetime) -> CountsTile:
    window = calendar(line).at(now)
    start, end = (window.starts_at, window.ends_at) if window else (now - OFF_SHIFT, now + timedelta(seconds=1))
    rows = tuple(_row(entry, line) for entry in _entered(line, start, end)[:ENTRIES_SHOWN])
    return CountsTile(line.code, rows, in_words(entries_between(line, start, end)))


def _entered(line: Line, start: datetime, end: datetime) -> QuerySet[CountEntry]:
    """For this shift, or in it for an earlier one: who has just entered something wants to see it."""
    late = CountEntry.objects.standing().filter(equipment__line=line, made_at__gte=start, made_at__lt=end)
    return (_belonging(line, start, end) | late).select_related("author", "equipment").order_by("-made_at", "-pk")


def _row(entry: CountEntry, line: Line) -> EntryRow:
    is_manual = entry.sort == CountEntry.Sort.MANUAL
    words = (
        _by_hand(entry, line) if is_manual else f"{count(entry.rejected)} × {entry.defect or entry.get_sort_display()}"
    )
    return EntryRow(entry.pk, entry.made_at, words, entry.get_sort_display(), str(entry.author), not is_manual)


def _by_hand(entry: CountEntry, line: Line) -> str:
    start, end = (m.astimezone(line.site.zone) for m in (entry.starts_at, entry.ends_at or entry.starts_at))
    rejects = f", {count(entry.rejected)} of them rejects" if entry.rejected else ""
    return f"{start:%H:%M}–{end:%H:%M}: {count(entry.made)} made{rejects}"


def in_words(entries: Iterable[CountEntry]) -> str:
    """Parts that people took out, by what became of them: “14 scrap (12 Damaged, 2 Wrong weight); 4 rework (Label)”."""
    found: dict[str, dict[str, int]] = {}
    for entry in entries:
        if entry.sort != CountEntry.Sort.MANUAL:
            sort = found.setdefault(entry.get_sort_display().lower(), {})
            sort[entry.defect] = sort.get(entry.defect, 0) + entry.rejected
    return "; ".join(_sort_in_words(sort, defects) for sort, defects in sorted(found.items()))


def _sort_in_words(sort: str, defects: dict[str, int]) -> str:
    named = sorted(((parts, name) for name, parts in defects.items() if name), key=lambda pair: -pair[0])
    whole = f"{count(sum(defects.values()))} {sort}"
    if len(defects) == 1:
        return f"{whole} ({named[0][1]})" if named else whole
    return f"{whole} ({', '.join(f'{count(parts)} {name}' for parts, name in named)})" if named else whole


# ---------------------------------------------------------------- not seen


def uncounted(line: Line, now: datetime) -> list[UncountedMachine]:
    """Machines with time that no controller and no person counted, hour by hour of the plant's clock."""
    machines = Equipment.objects.filter(line=line, enabled=True).select_related("machine_state").order_by("position")
    since = now - LOOK_BACK
    clock_hours = [(to_ms(start), to_ms(end)) for start, end in hours(line.site.zone, since, now)]
    found = [(machine, _pieces(machine, since, now, clock_hours)) for machine in machines]
    return [UncountedMachine(machine.code, machine.name, pieces) for machine, pieces in found if pieces]


def _pieces(machine: Equipment, since: datetime, now: datetime, clock_hours: Sequence[Span]) -> tuple[Piece, ...]:
    state = live(machine)
    seen_until = None if state is None or state.observed_until is None else to_ms(state.observed_until)
    if seen_until is not None and state is not None and to_ms(now) - seen_until <= state.limit_ms:
        seen_until = to_ms(now)
    edges = StateEdge.objects.shaping(machine.id, since, now).order_by("at").values_list("at", "state")
    sights = [Sight(to_ms(at), known != State.UNKNOWN) for at, known in edges]
    taken = CountEntry.objects.standing().touching(since, now).filter(equipment=machine, sort=CountEntry.Sort.MANUAL)
    counted = [(to_ms(e.starts_at), to_ms(e.ends_at)) for e in taken if e.ends_at is not None]
    left = without(unseen(sights, seen_until, to_ms(since), to_ms(now)), counted)
    pieces = cut([_whole_seconds(span) for span in left], clock_hours, MINUTE_MS)
    return tuple(_piece(machine.id, span) for span in reversed(pieces[-PIECES_SHOWN:]))


def _whole_seconds(span: Span) -> Span:
    """Inside it: nobody enters milliseconds, and none of what was seen may be in it."""
    return -(-span[0] // SECOND_MS) * SECOND_MS, span[1] // SECOND_MS * SECOND_MS


def _piece(machine: UUID, span: Span) -> Piece:
    return Piece(f"{machine}:{span[0]}:{span[1]}", from_ms(span[0]), from_ms(span[1]))
