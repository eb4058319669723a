"""The ledger of a stretch as a person can add it up: one line for each thing that went on, with who said what."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from oee.domain.clock import from_ms, to_ms
from oee.domain.factors import COLUMNS, TIME_COLUMNS, column
from oee.domain.ledger import Kind, Ledger
from oee.domain.readings import Reading, company
from oee.evidence.scope import Scope
from oee.models import (
    HourTotals,
    LedgerEntry,
    LinePolicy,
    ManualStop,
    PlannedStop,
    StopCoding,
    StopMerge,
    to_stop_key,
)
from oee.setup import reading


@dataclass(frozen=True, slots=True)
class Said:
    """A note that made an interval what it is."""

    what: str
    by: str
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class Interval:
    """Time that was one thing. `is_sum`: the ledger of that hour is not kept any more, only how long it was."""

    starts_at: datetime
    ends_at: datetime
    lasted_ms: int
    state: Ledger
    kind: Kind
    policy: LinePolicy
    reason: str | None = None
    stop: UUID | None = None
    coding: int | None = None
    planned: int | None = None
    failures: int = 0
    minor_stops: int = 0
    is_sum: bool = False
    said: tuple[Said, ...] = ()

    @property
    def column(self) -> str:
        return column(self.state, self.kind)

    @property
    def reading(self) -> Reading:
        """By which this time is judged."""
        return company(reading(self.policy))

    @property
    def verdict(self) -> tuple[Any, ...]:
        """What must be equal for two neighbours to be one line."""
        return self.state, self.kind, self.reason, self.stop, self.coding, self.planned, self.policy.valid_from


def intervals(scope: Scope) -> list[Interval]:
    """All time of the stretch, in time order, hour cuts joined; with the notes it takes six queries."""
    pieces = [*_kept(scope), *(_unseen(*pair) for pair in scope.unseen)]
    joined = _joined(sorted(pieces, key=lambda piece: piece.starts_at))
    return _with_notes(scope, joined)


# ---------------------------------------------------------------- from rows


class _Entry(NamedTuple):
    started_at: datetime
    ended_at: datetime
    state: str
    kind: str
    reason: str | None
    stop: UUID | None
    coding: int | None
    planned: int | None

    @property
    def lasted_ms(self) -> int:
        return to_ms(self.ended_at) - to_ms(self.started_at)


def _kept(scope: Scope) -> Iterator[Interval]:
    entries = _entries(scope)
    for row in scope.rows:
        of_row = entries.get(row.pk, [])
        policy = scope.policy_of(row)
        if sum(entry.lasted_ms for entry in of_row) == row.calendar_ms:
            yield from (_interval(scope, entry, policy) for entry in of_row)
        else:
            yield from _sums(row, policy)


def _entries(scope: Scope) -> dict[int, list[_Entry]]:
    """By row of hours: no entry is in two."""
    found: dict[int, list[_Entry]] = {}
    if not scope.rows:
        return found
    names = ("started_at", "ended_at", "state", "kind", "reason__label", "stop_id", "coding_id", "planned_stop_id")
    rows = LedgerEntry.objects.filter(equipment=scope.machine)
    within = rows.inside(scope.rows[0].starts_at, scope.rows[-1].ends_at).order_by("started_at")
    for values in within.values_list(*names):
        hour = scope.by_time.at(to_ms(values[0]))
        if hour is not None:
            found.setdefault(hour.pk, []).append(_Entry(*values))
    return found


def _interval(scope: Scope, entry: _Entry, policy: LinePolicy) -> Interval:
    state, kind = Ledger(entry.state), Kind(entry.kind)
    begins = state is Ledger.STOP and entry.stop == to_stop_key(scope.machine.id, entry.started_at)
    return Interval(
        starts_at=entry.started_at,
        ends_at=entry.ended_at,
        lasted_ms=entry.lasted_ms,
        state=state,
        kind=kind,
        policy=policy,
        reason=entry.reason,
        stop=entry.stop,
        coding=entry.coding,
        planned=entry.planned,
        failures=int(begins and kind is Kind.FAILURE),
        minor_stops=int(begins and kind is Kind.MINOR),
    )


WHAT = {name: what for what, name in COLUMNS.items()}


def _sums(row: HourTotals, policy: LinePolicy) -> Iterator[Interval]:
    """The hour as its totals have it."""
    for name in TIME_COLUMNS:
        state, kind = WHAT[name]
        if lasted_ms := getattr(row, name):
            yield Interval(
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                lasted_ms=lasted_ms,
                state=state,
                kind=kind,
                policy=policy,
                failures=row.failures if kind is Kind.FAILURE else 0,
                minor_stops=row.minor_stops if kind is Kind.MINOR else 0,
                is_sum=True,
            )


def _unseen(entry: Any, policy: LinePolicy) -> Interval:
    start, end = from_ms(entry.start), from_ms(entry.end)
    return Interval(start, end, entry.end - entry.start, entry.state, entry.kind, policy)


def _joined(pieces: Sequence[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for piece in pieces:
        if joined and _continues(joined[-1], piece):
            joined[-1] = _added(joined[-1], piece)
        else:
            joined.append(piece)
    return joined


def _continues(before: Interval, piece: Interval) -> bool:
    is_exact = not before.is_sum and not piece.is_sum
    return is_exact and before.ends_at == piece.starts_at and before.verdict == piece.verdict


def _added(before: Interval, piece: Interval) -> Interval:
    return replace(
        before,
        ends_at=piece.ends_at,
        lasted_ms=before.lasted_ms + piece.lasted_ms,
        failures=before.failures + piece.failures,
        minor_stops=before.minor_stops + piece.minor_stops,
    )


# ---------------------------------------------------------------- who said what


def _with_notes(scope: Scope, found: list[Interval]) -> list[Interval]:
    codings = StopCoding.objects.select_related("author", "reason").in_bulk(
        {interval.coding for interval in found if interval.coding}
    )
    planned = PlannedStop.objects.select_related("author", "reason").in_bulk(
        {interval.planned for interval in found if interval.planned}
    )
    over = _notes_over_time(scope)
    return [replace(interval, said=tuple(_said(interval, codings, planned, over))) for interval in found]


def _notes_over_time(scope: Scope) -> list[ManualStop | StopMerge]:
    notes: list[ManualStop | StopMerge] = []
    for model in (ManualStop, StopMerge):
        rows = model.objects.standing().touching(scope.start, scope.end)
        notes.extend(rows.filter(equipment=scope.machine).select_related("author"))
    return notes


def _said(
    interval: Interval,
    codings: dict[Any, StopCoding],
    planned: dict[Any, PlannedStop],
    over: Iterable[ManualStop | StopMerge],
) -> Iterator[Said]:
    if interval.planned in planned:
        note = planned[interval.planned]
        yield Said(f"Planned stop: {note.reason.label}", str(note.author), note.made_at, note.comment)
    if interval.coding in codings:
        coding = codings[interval.coding]
        what = f"Reason: {coding.reason.label}" if coding.reason else "Cut, without a reason"
        yield Said(what, str(coding.author), coding.made_at, coding.comment)
    if interval.stop is None:
        return
    for told in over:
        if told.starts_at < interval.ends_at and (told.ends_at is None or told.ends_at > interval.starts_at):
            what = "Entered by hand" if isinstance(told, ManualStop) else "Merged"
            yield Said(what, str(told.author), told.made_at, told.comment)
