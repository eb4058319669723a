"""What screens show of calls for help."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from django.db.models import Max, Prefetch

from andon.domain.call import Priority, Status
from andon.domain.escalation import Clock, Rule
from andon.models import Call, CallKind, CallQuerySet, EscalationStep, rules_in_force
from andon.models.escalation import EscalationStepQuerySet
from andon.shelves import ShelfRow, shelves_now
from andon.words import addressee, spoken
from floor.glance import once
from floor.models import Line
from floor.models.shifts import calendar, shift_at

OFF_SHIFT_LOOKS_BACK = timedelta(hours=8)
DONE_LOOKS_BACK = timedelta(hours=24)
DONE_SHOWN = 6
FLOOD = timedelta(minutes=10)  # over so long the load of calls is told

# How many calls fit: beside the lines of the plant, on the board of one line, in the list of those who answer.
ON_WALL, ON_LINE_BOARD, ON_LIST = 5, 3, 20

DOES: dict[str, str] = {Status.ACKNOWLEDGED: "is coming", Status.ARRIVED: "is there"}

# Kind → what was done, one tap each; the most usual first.
RUNS_AGAIN = "Runs again"
OTHER_NOTES = ("Done", "Called by mistake")
QUICK_NOTES: dict[str, tuple[str, ...]] = {
    "maintenance": ("Fixed", "Adjusted", "Part changed", "Work order follows", "Called by mistake"),
    "quality": ("In order again", "Product blocked", "Adjusted", "Called by mistake"),
    "material": ("Material is here", "Other material used", "Called by mistake"),
    "stop": ("Line runs again", "Fixed", "Work order follows", "Called by mistake"),
    "safety": ("Made safe", "Area closed off", "Called by mistake"),
}


@dataclass(frozen=True, slots=True)
class CallRow:
    id: UUID
    line_code: str
    kind: str
    kind_label: str
    priority: str  # low medium high critical
    status: str  # open acknowledged arrived
    level: int  # 0 = not escalated
    raised_at: datetime
    raised_by: str
    equipment_code: str | None
    note: str
    who: str  # "Nobody yet" | "Milo is coming" | "Milo is there" | of a call that is over "resolved", "rejected" …
    next_due_at: datetime | None  # next escalation moment
    next_who: str  # "production manager"
    overdue: bool
    who_since: datetime | None = None  # since when somebody is coming, or is there
    cleared_at: datetime | None = None  # the machine that called runs again since then
    repeats: int = 0  # how often the same was called again

    @property
    def remedy(self) -> str:
        """What one tap says was done."""
        return RUNS_AGAIN if self.cleared_at else QUICK_NOTES.get(self.kind, OTHER_NOTES)[0]

    @property
    def who_does(self) -> str:
        """What `who` does: it stays readable where a long name has no room."""
        return DOES.get(self.status, "")

    @property
    def who_name(self) -> str:
        return self.who.removesuffix(f" {self.who_does}")

    @property
    def mark(self) -> str:
        """Short enough to name a call among those of a screen."""
        return self.id.hex[-8:]


@dataclass(frozen=True, slots=True)
class Shown:
    """Calls a screen has room for. A critical one never gives way to others; of those that do not fit it tells."""

    rows: tuple[CallRow, ...]
    more: int
    critical_more: int


def shown(rows: Sequence[CallRow], room: int) -> Shown:
    """`rows` are in order of urgency, and stay in it."""
    by_claim = sorted(rows, key=lambda row: row.priority != "critical" or row.status == Status.ARRIVED)
    chosen = {row.id for row in by_claim[:room]}
    hidden = [row for row in rows if row.id not in chosen]
    critical = sum(row.priority == "critical" for row in hidden)
    return Shown(tuple(row for row in rows if row.id in chosen), len(hidden), critical)


@dataclass(frozen=True, slots=True)
class CallsTile:
    """`median_wait_s`: from raising to the first answer, calls of this shift; None if none was answered."""

    rows: tuple[CallRow, ...]
    last_call_at: datetime | None
    median_wait_s: float | None
    calls_this_shift: int
    calls_just_now: int = 0  # raised in the last ten minutes

    @property
    def on_wall(self) -> Shown:
        return shown(self.rows, ON_WALL)

    @property
    def on_line_board(self) -> Shown:
        return shown(self.rows, ON_LINE_BOARD)

    @property
    def on_list(self) -> Shown:
        return shown(self.rows, ON_LIST)

    @property
    def unanswered(self) -> str:
        """Marks of the calls that a screen sounds for, with the level each has come to."""
        return " ".join(f"{row.mark}:{row.level}" for row in self.rows if row.status == Status.OPEN)

    @property
    def critical(self) -> int:
        return sum(row.priority == "critical" for row in self.rows)

    @property
    def escalated(self) -> int:
        return sum(row.status == Status.OPEN and row.level > 0 for row in self.rows)

    @property
    def longest_open_since(self) -> datetime | None:
        return min((row.raised_at for row in self.rows), default=None)


@dataclass(frozen=True, slots=True)
class DoneCall:
    """A call that is over. Seconds count from raising; None: that step was left out."""

    id: UUID
    place: str
    kind: str
    kind_label: str
    raised_at: datetime
    answered_s: float | None
    arrived_s: float | None
    resolved_s: float | None
    resolution: str
    resolved_by: str


@dataclass(frozen=True, slots=True)
class Times:
    """How long each stretch of a call took, in seconds; None: it has not ended yet, or was left out."""

    answered_s: float | None  # from raising to the first answer
    came_s: float | None  # from the answer to being there
    repaired_s: float | None  # from being there to the remedy
    whole_s: float | None


def times(call: Call) -> Times:
    def between(start: datetime | None, end: datetime | None) -> float | None:
        return (end - start).total_seconds() if start and end else None

    came_from = call.acknowledged_at or call.raised_at
    return Times(
        between(call.raised_at, call.acknowledged_at),
        between(came_from, call.arrived_at),
        between(call.arrived_at, call.resolved_at),
        between(call.raised_at, call.resolved_at),
    )


@dataclass(frozen=True, slots=True)
class AnswersTile:
    calls: CallsTile
    done: tuple[DoneCall, ...]  # newest first
    shelved: tuple[ShelfRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CallChoice:
    """One tile of the call sheet: one tap sends it."""

    code: str
    label: str
    hint: str
    priority: str
    who: str  # "maintenance"
    within: str  # "5 min", never broken across lines


def calls_tile(line: Line, now: datetime) -> CallsTile:
    shift = shift_at(line, now)
    since = shift.starts_at if shift else now - OFF_SHIFT_LOOKS_BACK
    return _tile(Call.objects.filter(line=line), since, now)


def plant_calls_tile(now: datetime) -> CallsTile:
    """Of every line, also of one that was switched off while its call was open: it goes on asking for people."""
    return _tile(Call.objects.all(), plant_shift_start(now), now)


@once
def lines_in_need() -> frozenset[UUID]:
    """Lines with a critical call that nobody has answered."""
    calls = Call.objects.filter(status=Status.OPEN, priority=Priority.CRITICAL)
    return frozenset(calls.values_list("line_id", flat=True))


def answers_tile(now: datetime) -> AnswersTile:
    """For those who come: what is open, and how quickly the last ones were helped."""
    over = Call.objects.filter(resolved_at__gt=now - DONE_LOOKS_BACK)
    done = over.for_screen().select_related("resolved_by")
    newest = done.order_by("-resolved_at")[:DONE_SHOWN]
    return AnswersTile(plant_calls_tile(now), tuple(_done(call) for call in newest), tuple(shelves_now(now)))


def _done(call: Call) -> DoneCall:
    answered, arrived, resolved = (
        (at - call.raised_at).total_seconds() if at else None
        for at in (call.acknowledged_at, call.arrived_at, call.resolved_at)
    )
    by = str(call.resolved_by)
    return DoneCall(
        call.pk,
        call.place,
        call.kind_id,
        call.kind.label,
        call.raised_at,
        answered,
        arrived,
        resolved,
        call.resolution,
        by,
    )


def _tile(calls: CallQuerySet, since: datetime, now: datetime) -> CallsTile:
    recent = calls.counted().filter(raised_at__gte=min(since, now - FLOOD), raised_at__lte=now)
    times = list(recent.values_list("raised_at", "acknowledged_at"))
    this_shift = [(raised, answered) for raised, answered in times if raised >= since]
    waits = [(answered - raised).total_seconds() for raised, answered in this_shift if answered]
    return CallsTile(
        tuple(row(call, now) for call in live_calls(calls)),
        calls.counted().aggregate(last=Max("raised_at"))["last"],
        median(waits) if waits else None,
        len(this_shift),
        sum(raised > now - FLOOD for raised, _ in times),
    )


def live_calls(calls: CallQuerySet) -> list[Call]:
    """In order of urgency, each with the step by which it moves on."""
    steps = levels_ahead().order_by("call", "due_at").distinct("call").only("call", "due_at", "recipients")
    live = calls.live().for_screen().prefetch_related(Prefetch("steps", steps, to_attr="steps_ahead"))
    return sorted(live, key=_urgency)


def levels_ahead() -> EscalationStepQuerySet:
    """Steps that bring a call to other people; those that only remind or hand over to a shift do not move it on."""
    return EscalationStep.objects.ahead().filter(level__gt=0)


def _urgency(call: Call) -> tuple[int, int, datetime]:
    """Escalated and unanswered first, then unanswered, then those somebody comes to, then those attended."""
    place = {Status.OPEN: 1, Status.ACKNOWLEDGED: 2, Status.ARRIVED: 3}[Status(call.status)]
    return (0 if call.level and place == 1 else place), -call.priority, call.raised_at


def row(call: Call, now: datetime) -> CallRow:
    following = _following(call)
    return CallRow(
        call.pk,
        call.line.code,
        call.kind_id,
        call.kind.label,
        Priority(call.priority).word,
        call.status,
        call.level,
        call.raised_at,
        call.caller,
        call.equipment.code if call.equipment else None,
        call.note,
        _who(call),
        following.due_at if following else None,
        addressee(following.recipients) if following else "",
        following is not None and following.due_at <= now,
        _who_since(call),
        call.cleared_at,
        call.repeats,
    )


def _following(call: Call) -> EscalationStep | None:
    """The next step of the call: from those that were loaded with it, else by a look of its own."""
    ahead: list[EscalationStep] | None = getattr(call, "steps_ahead", None)
    if ahead is None:
        return levels_ahead().filter(call=call).order_by("due_at").first()
    return ahead[0] if ahead else None


def _who(call: Call) -> str:
    if call.status == Status.OPEN:
        return "Nobody yet"
    return f"{call.responder} {DOES[call.status]}" if call.status in DOES else call.status


def _who_since(call: Call) -> datetime | None:
    """None also for a call that was reopened: its first answer belongs to the time before."""
    at = call.arrived_at if call.status == Status.ARRIVED else call.acknowledged_at
    return at if call.status != Status.OPEN and at is not None and at >= call.since else None


def plant_shift_start(now: datetime) -> datetime:
    """When the earliest of the shifts that are on now began."""
    calendars = calendar.answer_all(list(Line.objects.on_screen()))
    starts = [shift.starts_at for its in calendars.values() if (shift := its.at(now))]
    return min(starts, default=now - OFF_SHIFT_LOOKS_BACK)


def call_choices(now: datetime) -> list[CallChoice]:
    """What the call sheet offers, with who comes and how soon, in words."""
    rules = rules_in_force(now)
    return [_choice(kind, rules) for kind in CallKind.objects.filter(enabled=True).order_by("position", "code")]


def _choice(kind: CallKind, rules: Sequence[Rule]) -> CallChoice:
    priority = Priority(kind.priority)
    limits = [rule.after_s for rule in rules if rule.clock is Clock.ACK and rule.priority == priority]
    within = _minutes(min(limits, default=0))
    return CallChoice(kind.code, kind.label, kind.hint, priority.word, spoken(kind.responders), within)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g}\u202fmin" if seconds else "at once"
