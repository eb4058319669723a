"""When a call moves on, and to whom. Due times follow from the raising of the call, never from when we looked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from andon.domain.call import Priority, Status


class Clock(StrEnum):
    """What a call is still waiting for: somebody to take it, or somebody to put it right."""

    ACK = "ack"
    RESOLVE = "resolve"


RUNS_WHILE: dict[Clock, frozenset[Status]] = {
    Clock.ACK: frozenset({Status.OPEN}),
    Clock.RESOLVE: frozenset({Status.OPEN, Status.ACKNOWLEDGED, Status.ARRIVED}),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """`after_s` counts from the raising of the call. `repeat_s` None: this level is told once."""

    priority: Priority
    clock: Clock
    level: int
    after_s: int
    recipients: tuple[str, ...]
    repeat_s: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """At `due_at`, tell these roles. Level 0 is the call itself; `reminder` counts the repetitions of a level."""

    clock: Clock
    level: int
    due_at: datetime
    recipients: tuple[str, ...]
    repeat_s: int | None = None
    reminder: int = 0

    @property
    def key(self) -> tuple[str, int, int]:
        return self.clock, self.level, self.reminder

    def next_reminder(self) -> "Step | None":
        """Due from when this one was due, so that a late escalator does not stretch the plan."""
        if self.repeat_s is None:
            return None
        return replace(self, due_at=self.due_at + timedelta(seconds=self.repeat_s), reminder=self.reminder + 1)


@dataclass(frozen=True, slots=True)
class Course:
    """Where a call stands, and the steps it has still to take."""

    status: Status
    level: int
    ahead: tuple[Step, ...]


def plan(priority: Priority, raised_at: datetime, rules: Iterable[Rule], responders: Sequence[str]) -> tuple[Step, ...]:
    """Every step of a new call in the order they fall due; the first one tells the responders at once."""
    first = Step(Clock.ACK, 0, raised_at, tuple(responders))
    later = (
        Step(rule.clock, rule.level, raised_at + timedelta(seconds=rule.after_s), rule.recipients, rule.repeat_s)
        for rule in rules
        if rule.priority == priority
    )
    return (first, *sorted(later, key=_order))


def advance(course: Course, now: datetime) -> tuple[Course, tuple[Step, ...]]:
    """Take every step that has fallen due by `now`; return the new course and the steps taken, in order."""
    ahead, taken, level = list(course.ahead), [], course.level
    while due := [s for s in ahead if s.due_at <= now and course.status in RUNS_WHILE[s.clock]]:
        step = min(due, key=_order)
        ahead.remove(step)
        taken.append(step)
        level = max(level, step.level)
        if reminder := step.next_reminder():
            ahead.append(reminder)
    return Course(course.status, level, tuple(sorted(ahead, key=_order))), tuple(taken)


def turn(course: Course, status: Status) -> Course:
    """The call has come to `status`: clocks that do not run there are stopped for good."""
    return Course(status, course.level, tuple(s for s in course.ahead if status in RUNS_WHILE[s.clock]))


def worth_telling(taken: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of one round that are sent: of several overdue reminders the last, or an outage ends in a flood."""
    last = {(s.clock, s.level): s for s in taken}
    return tuple(s for s in taken if s.reminder == 0 or last[s.clock, s.level] is s)


def _order(step: Step) -> tuple[datetime, str, int, int]:
    return step.due_at, *step.key


MINUTE = 60
_MANAGERS = ("shift_manager", "production_manager")
# Priority → (acknowledge within, resolve within, told first, told next), minutes.
_LIMITS: dict[Priority, tuple[int, int, tuple[str, ...], tuple[str, ...]]] = {
    Priority.LOW: (15, 60, ("shift_manager", "engineer"), ("production_manager",)),
    Priority.MEDIUM: (10, 45, ("shift_manager", "engineer", "production_manager"), ("admin",)),
    Priority.HIGH: (5, 30, ("shift_manager", "engineer", "production_manager", "admin"), _MANAGERS),
    Priority.CRITICAL: (2, 15, (*_MANAGERS, "admin"), (*_MANAGERS, "admin")),
}
_REMIND_ACK, _REMIND_RESOLVE = 5, 10


def _standard(priority: Priority) -> Iterable[Rule]:
    """Level 1 at the limit, level 2 as long after it as the first answer may take, then reminders without end."""
    ack, resolve, first, following = _LIMITS[priority]
    for clock, limit, every in (
        (Clock.ACK, ack, min(ack, _REMIND_ACK)),
        (Clock.RESOLVE, resolve, _REMIND_RESOLVE),
    ):
        yield Rule(priority, clock, 1, limit * MINUTE, first)
        yield Rule(priority, clock, 2, (limit + ack) * MINUTE, following, every * MINUTE)


STANDARD_RULES: tuple[Rule, ...] = tuple(rule for priority in Priority for rule in _standard(priority))
