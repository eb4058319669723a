"""Which calls for help a standing machine makes. Due times follow from the stop, never from when somebody looked."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from andon.domain.call import Priority

MINUTE = 60
# A fault, or a call, that comes back sooner never went away: figures of ISA-18.2 for chattering start at a minute.
CHATTER = timedelta(seconds=60)
# More faults than this at once are graver than any one of them.
MANY_FAULTS = 3
WORDY = 3
SAFETY = "safety"

Window = tuple[datetime, datetime]
"""Half-open."""


class Trigger(StrEnum):
    FAULTS = "faults"
    STOP = "stop"


class Category(StrEnum):
    """How grave a fault is, or whose."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    MATERIAL = "material"
    QUALITY = "quality"
    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class Place(StrEnum):
    """Whom a rule concerns; the later the more particular."""

    PLANT = "plant"
    LINE = "line"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Rule:
    """A machine calls when `at_least` faults of a category have stood for `after_s`, or a stop has lasted that long.

    `about` is a category of faults or the reason of a stop; empty: any that has no rule of its own at this place.
    """

    trigger: Trigger
    about: str
    after_s: int
    kind: str
    priority: Priority
    at_least: int = 1
    enabled: bool = True
    place: Place = Place.PLANT


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that came up during the stop at `on_at`, and went for good at `off_at` (None: it stands)."""

    bit: int
    category: Category
    text: str
    on_at: datetime
    off_at: datetime | None = None

    def stood_at(self, moment: datetime) -> bool:
        return self.on_at <= moment and (self.off_at is None or moment < self.off_at + CHATTER)


@dataclass(frozen=True, slots=True)
class Standstill:
    """A stop that is still on, told by whoever sees it. `lost` is its time that nobody planned, in order, up to now.

    `is_lost_now` False: a planned stop, a break or the end of the shift has come over it. `minor_s`: so long it may
    still be a minor stop. `reason` is its code, empty while nobody knows; `reason_words` are the operator's.
    """

    line_id: UUID
    equipment_id: UUID
    began_at: datetime
    lost: tuple[Window, ...]
    is_lost_now: bool
    reason: str = ""
    reason_words: str = ""
    minor_s: float = 0
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """A call that a stop has come to owe at `due_at`.

    `is_graver`: the same help was owed before, and less urgently: whoever comes has to know.
    """

    due_at: datetime
    kind: str
    priority: Priority
    trigger: Trigger
    words: str
    is_graver: bool = False

    @property
    def may_be_silent(self) -> bool:
        """Whether it can be shelved at all."""
        return self.kind != SAFETY and self.priority < Priority.CRITICAL


def due(stop: Standstill, rules: Iterable[Rule]) -> tuple[Due, ...]:
    """Every call that the stop owes by now, the first one first: each kind once, and again when it becomes graver.

    Faults call whatever the length of the stop; the stop itself never does while it may still be a minor one.
    """
    if not stop.lost:
        return ()
    its = list(rules)
    found = [owed for category in Category if (owed := _by_faults(its, stop, category))]
    if owed := _by_length(its, stop):
        found.append(owed)
    return _rising(found)


def _rising(owed: Iterable[Due]) -> tuple[Due, ...]:
    """In order, without those that ask for help that was owed before at least as urgently."""
    gravest: dict[str, Priority] = {}
    kept = []
    for one in sorted(owed, key=lambda owed: (owed.due_at, -owed.priority)):
        before = gravest.get(one.kind)
        if before is None or one.priority > before:
            gravest[one.kind] = one.priority
            kept.append(replace(one, is_graver=before is not None))
    return tuple(kept)


def rule_for(rules: Iterable[Rule], trigger: Trigger, about: str) -> Rule | None:
    """The most particular place wins; there, a rule about just this wins over one about anything."""
    order = list(Place)
    fitting = [rule for rule in rules if rule.trigger is trigger and rule.about in ("", about)]
    best = max(fitting, key=lambda rule: (order.index(rule.place), rule.about == about), default=None)
    return best if best is not None and best.enabled else None


def reached(lost: Iterable[Window], since: datetime, after_s: float) -> datetime | None:
    """The moment by which `after_s` of lost time have passed since `since`; None: not yet."""
    left = timedelta(seconds=after_s)
    for start, end in lost:
        start = max(start, since)
        if end - start >= left:
            return start + left
        left -= max(end - start, timedelta())
    return None


def overlap(some: Iterable[Window], others: Iterable[Window]) -> tuple[Window, ...]:
    """The time that lies in both, in order."""
    others = list(others)
    both = ((max(a, c), min(b, d)) for a, b in some for c, d in others)
    return tuple(sorted((start, end) for start, end in both if start < end))


def _by_faults(rules: Sequence[Rule], stop: Standstill, category: Category) -> Due | None:
    its = sorted((fault for fault in stop.faults if fault.category is category), key=lambda fault: fault.on_at)
    rule = rule_for(rules, Trigger.FAULTS, category)
    if rule is None:
        return None
    for last in its[rule.at_least - 1 :]:
        moment = reached(stop.lost, max(last.on_at, stop.began_at), rule.after_s)
        if moment is None:
            return None  # those that came up later have stood for less
        stood = [fault for fault in its if fault.on_at <= last.on_at and fault.stood_at(moment)]
        if len({fault.bit for fault in stood}) >= rule.at_least:
            return _owed(rule, moment, stood, [fault for fault in stop.faults if fault.stood_at(moment)])
    return None


def _owed(rule: Rule, moment: datetime, stood: Sequence[Fault], all_of_them: Sequence[Fault]) -> Due:
    texts = list(dict.fromkeys(fault.text for fault in stood))
    more = f" and {len(texts) - WORDY} more" if len(texts) > WORDY else ""
    words = f"{', '.join(texts[:WORDY])}{more}, for {_minutes(rule.after_s)}"
    return Due(moment, rule.kind, _lifted(rule.priority, all_of_them), Trigger.FAULTS, words)


def _lifted(priority: Priority, faults: Sequence[Fault]) -> Priority:
    if any(fault.category is Category.CRITICAL for fault in faults):
        return Priority.CRITICAL
    many = len({fault.bit for fault in faults}) > MANY_FAULTS
    return Priority(priority + 1) if many and priority < Priority.HIGH else priority


def _by_length(rules: Sequence[Rule], stop: Standstill) -> Due | None:
    rule = rule_for(rules, Trigger.STOP, stop.reason)
    if rule is None:
        return None
    after_s = max(rule.after_s, stop.minor_s)
    moment = reached(stop.lost, stop.began_at, after_s)
    if moment is None:
        return None
    why = f": {stop.reason_words}" if stop.reason_words else ", reason not known"
    return Due(moment, rule.kind, rule.priority, Trigger.STOP, f"Stopped for {_minutes(after_s)}{why}")


def _minutes(seconds: float) -> str:
    return f"{seconds / MINUTE:g} min"


def loud_and_silent(
    with_all: Sequence[Due], without_shelved: Sequence[Due], shelved_kinds: Collection[str]
) -> tuple[list[Due], list[Due]]:
    """Part the calls that a stop owes into those that are made and those that are only recorded.

    `with_all` counts every fault, `without_shelved` those that nobody has shelved.
    """
    loud = [owed for owed in without_shelved if not (owed.may_be_silent and owed.kind in shelved_kinds)]
    heard = {owed.kind for owed in loud if not owed.may_be_silent}
    # What is critical with all its faults stays so: a shelf holds back what may be held back, no more.
    loud += [owed for owed in with_all if not owed.may_be_silent and owed.kind not in heard]
    heard = {owed.kind for owed in loud}
    silent = [owed for owed in with_all if owed.kind not in heard and not owed.is_graver]
    return list(_rising(loud)), silent


def _standard_faults() -> Iterable[Rule]:
    # Category → at least so many faults, standing for so many minutes, on or off, kind, priority.
    for category, at_least, minutes, enabled, kind, priority in (
        (Category.CRITICAL, 1, 2, True, "maintenance", Priority.CRITICAL),
        (Category.HIGH, 1, 5, True, "maintenance", Priority.HIGH),
        (Category.MEDIUM, 2, 15, True, "maintenance", Priority.MEDIUM),
        (Category.LOW, 3, 30, False, "maintenance", Priority.LOW),
        (Category.UPSTREAM, 1, 60, False, "maintenance", Priority.MEDIUM),
        (Category.DOWNSTREAM, 1, 60, False, "maintenance", Priority.MEDIUM),
        (Category.MATERIAL, 1, 20, True, "material", Priority.MEDIUM),
        (Category.QUALITY, 1, 30, True, "quality", Priority.MEDIUM),
    ):
        yield Rule(Trigger.FAULTS, category, minutes * MINUTE, kind, priority, at_least, enabled)


def _standard_stops() -> Iterable[Rule]:
    # Reasons, after so many minutes, on or off, kind, priority.
    for reasons, minutes, enabled, kind, priority in (
        (("MECH_FAULT", "BEARING_FAIL", "GEAR_FAIL", "MOTOR_FAIL"), 15, True, "maintenance", Priority.HIGH),
        (("ELEC_FAULT", "WIRING_FAULT"), 10, True, "maintenance", Priority.HIGH),
        (("BELT_BREAK", "CONVEYOR_STOP"), 15, True, "maintenance", Priority.MEDIUM),
        (("SENSOR_FAIL",), 10, True, "maintenance", Priority.MEDIUM),
        (("PLC_FAULT", "POWER_LOSS"), 5, True, "maintenance", Priority.CRITICAL),
        (("MAT_SHORTAGE", "WRONG_MAT", "MAT_QUALITY"), 30, True, "material", Priority.MEDIUM),
        (("MAT_JAM",), 20, True, "material", Priority.MEDIUM),
        (("QUALITY_ISSUE", "REJECTION", "REWORK"), 30, True, "quality", Priority.MEDIUM),
        (("UPSTREAM_STOP", "DOWNSTREAM_STOP"), 60, False, "maintenance", Priority.LOW),
        (("UNKNOWN", ""), 30, True, "maintenance", Priority.MEDIUM),
    ):
        for reason in reasons:
            yield Rule(Trigger.STOP, reason, minutes * MINUTE, kind, priority, enabled=enabled)


STANDARD_RULES: tuple[Rule, ...] = (*_standard_faults(), *_standard_stops())
