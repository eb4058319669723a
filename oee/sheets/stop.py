"""One stop: its parts, where it can be cut, its neighbours, and everything that was said about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from floor.models import Equipment, FaultDefinition, FaultEvent, StateEdge, User
from floor.models.shifts import calendar
from floor.roles import Capability, can
from oee.actions.stops import MERGE_ACROSS
from oee.choices import ReasonChoice, choice_of, likely_reasons
from oee.domain.clock import MINUTE_MS, SECOND_MS, from_ms, to_ms
from oee.domain.ledger import PLANNED_KINDS, Part
from oee.models import ManualStop, PlannedStop, Stop, StopCoding, StopConfirmation, StopMerge, StopReason
from oee.parts import parts_of

# Two presets closer together than this are one for a finger.
APART_MS = 5 * SECOND_MS
PRESETS = 6
MOVES_MIN = (-5, -1, 1, 5)
# Stops further apart than this have nothing to do with each other.
NEIGHBOUR_WITHIN = timedelta(minutes=30)
NARROW = 120.0
NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class PartRow:
    """`x` and `width` are per mille of the stop."""

    name: str  # A, B, … in time order; empty for a stop in one part
    start_ms: int
    starts_at: datetime
    ends_at: datetime | None
    duration_s: float
    x: float
    width: float
    kind: str  # stop | minor | planned
    reason: ReasonChoice | None
    by: str
    said_at: datetime | None
    comment: str

    @property
    def is_narrow(self) -> bool:
        """There is no room for more than its name."""
        return self.width < NARROW


@dataclass(frozen=True, slots=True)
class CutPoint:
    ms: int
    at: datetime
    label: str
    x: float


@dataclass(frozen=True, slots=True)
class Move:
    """A step of the cut by so many minutes; `ms` None: it would leave the part."""

    minutes: int
    ms: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """A part about to be cut at `at`; both pieces together are the part."""

    part: PartRow
    points: tuple[CutPoint, ...]
    ms: int | None
    at: datetime | None
    pieces: tuple[PartRow, ...]
    moves: tuple[Move, ...]
    side: str  # the piece that the next reason is for: before | after
    likely: tuple[ReasonChoice, ...]

    @property
    def asked(self) -> PartRow | None:
        if not self.pieces:
            return None
        return self.pieces[0] if self.side == "before" else self.pieces[1]


@dataclass(frozen=True, slots=True)
class Neighbour:
    id: UUID
    is_earlier: bool
    started_at: datetime
    ended_at: datetime | None
    gap_s: float
    needs_supervisor: bool


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said about the stop."""

    at: datetime
    by: str
    did: str
    before: str = ""
    after: str = ""
    comment: str = ""
    taken_back: str = ""


@dataclass(frozen=True, slots=True)
class MergeRow:
    id: int
    starts_at: datetime
    ends_at: datetime | None
    by: str
    run_is_stop: bool


@dataclass(frozen=True, slots=True)
class StopSheet:
    id: UUID
    line_code: str
    equipment_code: str
    equipment_name: str
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    text: str
    why: str
    caused_by: str
    shifts: str
    is_minor: bool
    seen: str  # the last thing said about it, as the forms send it back
    parts: tuple[PartRow, ...]
    points: tuple[CutPoint, ...]
    suggestion: ReasonChoice | None
    confirmed: StopConfirmation | None
    neighbours: tuple[Neighbour, ...]
    merges: tuple[MergeRow, ...]
    manual: ManualStop | None
    history: tuple[Said, ...]
    may_code: bool
    may_confirm: bool

    @property
    def is_uncoded(self) -> bool:
        return any(part.reason is None for part in self.parts)


@dataclass(frozen=True, slots=True)
class Asked:
    """The part, or the piece of a part, that a reason is asked for, with the likely ones."""

    part: PartRow
    likely: tuple[ReasonChoice, ...]
    is_suggested: bool  # the first of them is what the machine proposes


def stop_for_sheet(stop_id: UUID) -> Stop | None:
    return Stop.objects.with_words().select_related("line__site").filter(pk=stop_id).first()


class StopView:
    """Everything that can be shown about a stop (with its words, line and site) at `now`."""

    def __init__(self, stop: Stop, now: datetime) -> None:
        self.stop, self.now = stop, now
        self.start, self.end = to_ms(stop.started_at), to_ms(stop.ended_at or now)

    def sheet(self, person: User) -> StopSheet:
        stop = self.stop
        return StopSheet(
            id=stop.id,
            line_code=stop.line.code,
            equipment_code=stop.equipment.code,
            equipment_name=stop.equipment.name,
            started_at=stop.started_at,
            ended_at=stop.ended_at,
            duration_s=(self.end - self.start) / SECOND_MS,
            text=stop.fault_text,
            why=stop.proposed_why,
            caused_by="" if stop.caused_by is None else stop.caused_by.name,
            shifts=self._shifts(),
            is_minor=stop.is_minor,
            seen=str(stop.coding_id or ""),
            parts=self.parts,
            points=tuple(point for part in self.parts for point in self.points_in(part, with_middle=False)),
            suggestion=choice_of(stop.proposed_reason),
            confirmed=self._confirmed(),
            neighbours=tuple(self._neighbours(person)),
            merges=tuple(self._merges()),
            manual=next((note for note in self.manual_notes if note.withdrawn_at is None), None),
            history=tuple(self._history()),
            may_code=can(person, Capability.CODE_STOP),
            may_confirm=can(person, Capability.CONFIRM_STOP),
        )

    def _shifts(self) -> str:
        shifts = calendar(self.stop.line)
        end = self.stop.ended_at or self.now
        return ", ".join(shifts.label(window) for window in shifts.between(self.stop.started_at, end))

    # ------------------------------------------------------------ parts

    @cached_property
    def parts(self) -> tuple[PartRow, ...]:
        found = [
            part for part in parts_of(self.stop.line, [self.stop], self.now)[self.stop.id] if part.end > part.start
        ]
        names = NAMES if len(found) > 1 else [""] * len(found)
        return tuple(self._part_row(part, name) for part, name in zip(found, names, strict=False))

    def _part_row(self, part: Part, name: str) -> PartRow:
        coding, planned = self.codings.get(part.coding or 0), self.planned.get(part.planned or 0)
        note: StopCoding | PlannedStop | None = coding or planned
        return PartRow(
            name=name,
            start_ms=part.start,
            starts_at=from_ms(part.start),
            ends_at=None if self.stop.ended_at is None and part.end == self.end else from_ms(part.end),
            duration_s=(part.end - part.start) / SECOND_MS,
            x=self.x(part.start),
            width=self.x(part.end) - self.x(part.start),
            kind="planned" if part.kind in PLANNED_KINDS else "minor" if part.is_minor else "stop",
            reason=None if note is None else choice_of(note.reason),
            by="" if note is None else str(note.author),
            said_at=None if note is None else note.made_at,
            comment="" if note is None else note.comment,
        )

    def x(self, ms: int) -> float:
        return (ms - self.start) * 1000 / max(self.end - self.start, 1)

    def part_at(self, ms: int) -> PartRow | None:
        """The part that begins then."""
        return next((part for part in self.parts if part.start_ms == ms), None)

    @cached_property
    def codings(self) -> dict[int, StopCoding]:
        """In the order in which they were said."""
        rows = StopCoding.objects.filter(equipment=self.stop.equipment_id, covers__startswith__gte=self.stop.started_at)
        rows = rows.filter(covers__startswith__lt=from_ms(self.end)).select_related("reason", "author")
        return {row.pk: row for row in rows.order_by("pk")}

    @cached_property
    def planned(self) -> dict[int, PlannedStop]:
        rows = PlannedStop.objects.filter(line=self.stop.line).touching(self.stop.started_at, from_ms(self.end))
        return {row.pk: row for row in rows.select_related("reason", "author", "withdrawn_by").order_by("pk")}

    # ------------------------------------------------------------ cutting

    def cut(self, part: PartRow, ms: int | None, side: str) -> Cut:
        end = self._end_of(part)
        # A part that has its reason keeps it in front of the cut.
        side = side or ("before" if part.reason is None else "after")
        inside = None if ms is None else min(max(ms, part.start_ms + SECOND_MS), end - SECOND_MS)
        at = inside if inside is not None and part.start_ms < inside < end else None
        return Cut(
            part,
            self.points_in(part, with_middle=True),
            at,
            None if at is None else from_ms(at),
            () if at is None else self._pieces(part, at),
            tuple(Move(minutes, self._moved(part, at, minutes)) for minutes in MOVES_MIN),
            side,
            () if at is None else self._likely(at, side),
        )

    def _likely(self, at: int, side: str) -> tuple[ReasonChoice, ...]:
        """In front of the cut what began the stop, behind it the fault that came with the cut."""
        began = choice_of(self.stop.proposed_reason)
        proposed = (began, self._came_with(at)) if side == "before" else (self._came_with(at), began)
        return likely_reasons(self.stop.equipment_id, *proposed)

    def _came_with(self, at: int) -> ReasonChoice | None:
        near = [bit for ms, bit in self.fault_starts if abs(ms - at) < APART_MS]
        code = next((self.faults[bit].reason_code for bit in near if bit in self.faults), "")
        return choice_of(StopReason.objects.filter(code=code, enabled=True).first()) if code else None

    def _end_of(self, part: PartRow) -> int:
        return self.end if part.ends_at is None else to_ms(part.ends_at)

    def _moved(self, part: PartRow, at: int | None, minutes: int) -> int | None:
        to = (at if at is not None else self._middle(part)) + minutes * MINUTE_MS
        return to if part.start_ms < to < self._end_of(part) else None

    def _middle(self, part: PartRow) -> int:
        return (part.start_ms + self._end_of(part)) // 2 // SECOND_MS * SECOND_MS

    def _pieces(self, part: PartRow, at: int) -> tuple[PartRow, ...]:
        spans = ((part.start_ms, at, from_ms(at)), (at, self._end_of(part), part.ends_at))
        return tuple(self._piece(part, number, *span) for number, span in enumerate(spans, 1))

    def _piece(self, part: PartRow, number: int, start: int, end: int, ends_at: datetime | None) -> PartRow:
        return PartRow(
            f"{part.name}{number}",
            start,
            from_ms(start),
            ends_at,
            (end - start) / SECOND_MS,
            self.x(start),
            self.x(end) - self.x(start),
            part.kind,
            part.reason,
            part.by,
            part.said_at,
            "",
        )

    def points_in(self, part: PartRow, *, with_middle: bool) -> tuple[CutPoint, ...]:
        """Where something happened inside the part; the machine's own faults before the other machines."""
        start, end = part.start_ms, self._end_of(part)
        found: list[CutPoint] = []
        middle = [(self._middle(part), "Middle")] if with_middle else []
        for ms, label in [*middle, *self.fault_changes, *self.neighbour_changes, *self.shift_changes]:
            is_free = all(abs(ms - other.ms) >= APART_MS for other in found)
            if start + SECOND_MS <= ms <= end - SECOND_MS and is_free and len(found) < PRESETS:
                found.append(CutPoint(ms, from_ms(ms), label, self.x(ms)))
        return tuple(sorted(found, key=lambda point: point.ms))

    @cached_property
    def fault_events(self) -> Sequence[FaultEvent]:
        events = FaultEvent.objects.filter(equipment=self.stop.equipment_id, on_at__lt=from_ms(self.end))
        return list(events.exclude(off_at__lte=self.stop.started_at).order_by("on_at", "bit"))

    @property
    def fault_starts(self) -> list[tuple[int, int]]:
        return [(to_ms(event.on_at), event.bit) for event in self.fault_events]

    @cached_property
    def fault_changes(self) -> list[tuple[int, str]]:
        return sorted(
            (to_ms(at), f"{self._fault_text(event.bit)} {word}")
            for event in self.fault_events
            for at, word in ((event.on_at, "came"), (event.off_at, "gone"))
            if at is not None
        )

    def _fault_text(self, bit: int) -> str:
        return self.faults[bit].text if bit in self.faults else f"Fault {bit}"

    @cached_property
    def faults(self) -> dict[int, FaultDefinition]:
        return {fault.bit: fault for fault in FaultDefinition.objects.filter(equipment=self.stop.equipment_id)}

    @cached_property
    def neighbour_changes(self) -> list[tuple[int, str]]:
        others = Equipment.objects.filter(line=self.stop.line, enabled=True).exclude(pk=self.stop.equipment_id)
        edges = StateEdge.objects.filter(equipment__in=others, at__gt=self.stop.started_at, at__lt=from_ms(self.end))
        words = {"run": "runs", "stop": "stopped"}
        rows = edges.filter(state__in=words).order_by("at").values_list("at", "state", "equipment__name")
        return [(to_ms(at), f"{name} {words[state]}") for at, state, name in rows]

    @cached_property
    def shift_changes(self) -> list[tuple[int, str]]:
        windows = calendar(self.stop.line).between(self.stop.started_at, from_ms(self.end))
        return [(to_ms(window.starts_at), f"{window.name} shift begins") for window in windows]

    # ------------------------------------------------------------ asking

    def ask(self, part: PartRow) -> Asked:
        is_first = part.start_ms == self.start
        own = (
            choice_of(self.stop.proposed_reason) if is_first and part.reason is None else self._came_with(part.start_ms)
        )
        return Asked(part, likely_reasons(self.stop.equipment_id, own), own is not None)

    # ------------------------------------------------------------ neighbours

    def _neighbours(self, person: User) -> Iterable[Neighbour]:
        stop, others = self.stop, Stop.objects.filter(equipment=self.stop.equipment_id)
        if stop.ended_at is not None:
            after = others.filter(started_at__gte=stop.ended_at).order_by("started_at").first()
            if after is not None and after.ended_at is not None:
                yield from self._neighbour(after, after.started_at - stop.ended_at, person)
            before = others.filter(ended_at__lte=stop.started_at).order_by("-started_at").first()
            if before is not None and before.ended_at is not None:
                yield from self._neighbour(before, stop.started_at - before.ended_at, person)

    def _neighbour(self, other: Stop, gap: timedelta, person: User) -> Iterable[Neighbour]:
        if gap > NEIGHBOUR_WITHIN:
            return
        needs = gap > MERGE_ACROSS and not can(person, Capability.CONFIRM_STOP)
        is_earlier = other.started_at < self.stop.started_at
        yield Neighbour(other.id, is_earlier, other.started_at, other.ended_at, gap.total_seconds(), needs)

    @cached_property
    def merge_notes(self) -> Sequence[StopMerge]:
        rows = StopMerge.objects.filter(equipment=self.stop.equipment_id).touching(*self._span)
        return list(rows.select_related("author", "withdrawn_by").order_by("pk"))

    @cached_property
    def manual_notes(self) -> Sequence[ManualStop]:
        rows = ManualStop.objects.filter(equipment=self.stop.equipment_id).touching(*self._span)
        return list(rows.select_related("author", "withdrawn_by").order_by("pk"))

    @property
    def _span(self) -> tuple[datetime, datetime]:
        return self.stop.started_at, from_ms(self.end)

    def _merges(self) -> Iterable[MergeRow]:
        for note in self.merge_notes:
            if note.withdrawn_at is None:
                yield MergeRow(note.pk, note.starts_at, note.ends_at, str(note.author), note.run_is_stop)

    # ------------------------------------------------------------ what was said

    @cached_property
    def confirmations(self) -> Sequence[StopConfirmation]:
        rows = StopConfirmation.objects.filter(equipment=self.stop.equipment_id, stop_started_at=self.stop.started_at)
        return list(rows.select_related("author").order_by("made_at"))

    def _confirmed(self) -> StopConfirmation | None:
        """Whatever is said after it needs agreement again."""
        last = self.confirmations[-1] if self.confirmations else None
        is_newest = last is not None and all(row.made_at <= last.made_at for row in self.codings.values())
        return last if is_newest else None

    def _history(self) -> list[Said]:
        said = [*self._codings_said(), *self._notes_said()]
        said += [Said(row.made_at, str(row.author), "agreed", comment=row.comment) for row in self.confirmations]
        return sorted(said, key=lambda one: one.at, reverse=True)

    def _codings_said(self) -> Iterable[Said]:
        rows = list(self.codings.values())
        for number, row in enumerate(rows):
            before = next((old for old in reversed(rows[:number]) if _covers(old, row.covers.lower)), None)
            # The end of an open stretch is the end of the stop.
            did = "split it from" if row.reason is None else "gave the reason from"
            yield Said(
                row.made_at,
                str(row.author),
                f"{did} {self._clock(row.covers.lower)}",
                before="" if before is None or before.reason is None else before.reason.label,
                after="" if row.reason is None else row.reason.label,
                comment=row.comment,
            )

    def _notes_said(self) -> Iterable[Said]:
        for merge in self.merge_notes:
            yield _note_said(merge, "made several stops one")
        for manual in self.manual_notes:
            yield _note_said(manual, "entered the stop by hand")
        for planned in self.planned.values():
            yield _note_said(planned, f"planned “{planned.reason.label}” from {self._clock(planned.starts_at)}")

    def _clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.stop.line.site.zone):%H:%M:%S}"


def _covers(row: StopCoding, moment: datetime) -> bool:
    return bool(row.covers.lower <= moment and (row.covers.upper is None or moment < row.covers.upper))


def _note_said(note: StopMerge | ManualStop | PlannedStop, did: str) -> Said:
    taken_back = "" if note.withdrawn_at is None else f"taken back by {note.withdrawn_by}"
    return Said(note.made_at, str(note.author), did, comment=note.comment, taken_back=taken_back)
