"""What people said about a stretch of time, changed and took back: who, when, what it was before and is now."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from oee.evidence.scope import Scope
from oee.models import (
    CountEntry,
    ManualStop,
    PlannedStop,
    QuarantineDecision,
    Restatement,
    Stop,
    StopCoding,
    StopConfirmation,
    StopMerge,
    StopReason,
)

NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """`about` is the moment it speaks about, `stop` the stop that it belongs to now."""

    at: datetime
    by: str
    what: str
    about: datetime
    before: str
    after: str
    comment: str = ""
    stop: UUID | None = None


def changes(scope: Scope) -> tuple[Change, ...]:
    """In the order in which they were made; eight queries."""
    stops = list(Stop.objects.filter(equipment=scope.machine).touching(scope.start, scope.end).order_by("started_at"))
    found = [*_codings(scope, stops), *_confirmations(scope, stops), *_notes(scope), *_counts(scope)]
    return tuple(sorted(found, key=lambda change: change.at))


def restatements(scope: Scope) -> tuple[Restatement, ...]:
    """Those that cover part of the stretch, the latest first: of the same time it holds."""
    rows = Restatement.objects.filter(line=scope.line, starts_at__lt=scope.end, ends_at__gt=scope.start)
    return tuple(rows.select_related("author", "line__site").order_by("-pk"))


def _codings(scope: Scope, stops: list[Stop]) -> Iterator[Change]:
    first = min([scope.start, *(stop.started_at for stop in stops)])
    rows = StopCoding.objects.filter(
        equipment=scope.machine, covers__startswith__gte=first, covers__startswith__lt=scope.end
    )
    for row in rows.select_related("author", "reason", "replaces__reason"):
        before = "no reason" if row.replaces is None else _reason(row.replaces.reason)
        stop = _stop_at(stops, row.covers.lower)
        what = "Reason" if row.reason else "Cut"
        about = row.covers.lower
        yield Change(row.made_at, str(row.author), what, about, before, _reason(row.reason), row.comment, stop)


def _reason(reason: StopReason | None) -> str:
    return reason.label if reason else "no reason"


def _stop_at(stops: Iterable[Stop], moment: datetime) -> UUID | None:
    on = (s.id for s in stops if s.started_at <= moment and (s.ended_at is None or moment < s.ended_at))
    return next(on, None)


def _confirmations(scope: Scope, stops: list[Stop]) -> Iterator[Change]:
    began = {stop.started_at: stop.id for stop in stops}
    rows = StopConfirmation.objects.filter(equipment=scope.machine, stop_started_at__in=list(began))
    for row in rows.select_related("author"):
        at = row.stop_started_at
        yield Change(row.made_at, str(row.author), "Confirmed", at, "open", "confirmed", row.comment, began[at])


def _notes(scope: Scope) -> Iterator[Change]:
    """Planned stops, stops entered by hand and merges, also those that were taken back."""
    kinds: list[tuple[Any, dict[str, Any], str]] = [
        (PlannedStop, {"line": scope.line}, "Planned stop"),
        (ManualStop, {"equipment": scope.machine}, "Stop entered by hand"),
        (StopMerge, {"equipment": scope.machine}, "Stops merged"),
    ]
    for model, whose, what in kinds:
        related = ["author", "withdrawn_by", *(["reason"] if model is PlannedStop else [])]
        for row in model.objects.touching(scope.start, scope.end).filter(**whose).select_related(*related):
            name = f"{what}: {row.reason.label}" if isinstance(row, PlannedStop) else what
            yield from _made_and_withdrawn(row, name, "in force", row.starts_at)


def _made_and_withdrawn(row: Any, what: str, after: str, about: datetime) -> Iterator[Change]:
    yield Change(row.made_at, str(row.author), what, about, NOTHING, after, row.comment)
    if row.withdrawn_at is not None:
        yield Change(row.withdrawn_at, str(row.withdrawn_by), f"{what}, taken back", about, after, NOTHING)


def _counts(scope: Scope) -> Iterator[Change]:
    entries = CountEntry.objects.filter(
        equipment=scope.machine, ends_at__gt=scope.start, ends_at__lte=scope.end
    ).select_related("author", "withdrawn_by")
    for entry in entries:
        told = f"{entry.made} made, {entry.rejected} rejected" if entry.made else f"{entry.rejected} rejected"
        yield from _made_and_withdrawn(entry, entry.get_sort_display(), told, entry.starts_at)
    decisions = QuarantineDecision.objects.filter(equipment=scope.machine, at__gte=scope.start, at__lt=scope.end)
    for row in decisions.select_related("author"):
        after = f"{row.parts} parts believed" if row.is_accepted else f"{row.parts} parts not believed"
        yield Change(row.made_at, str(row.author), "Parts held back", row.at, "held back", after, row.comment)
