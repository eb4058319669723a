"""When a call moves on, and to whom. Due times follow from the raising of the call, never from when we looked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from andon.domain.call import LIVE, Priority, Status


class Clock(StrEnum):
    """What a call is still waiting for: somebody to take it, somebody to put it right, the next shift to inherit it."""

    ACK = "ack"
    RESOLVE = "resolve"
    SHIFT = "shift"


RUNS_WHILE: dict[Clock, frozenset[Status]] = {
    Clock.ACK: frozenset({Status.OPEN}),
    Clock.RESOLVE: frozenset(LIVE),
    Clock.SHIFT: frozenset(LIVE),
}

MINUTE = 60
# So long before the first limit those who were called are told that it comes near.
WARN_BEFORE_S: dict[Clock, int] = {Clock.ACK: 5 * MINUTE, Clock.RESOLVE: 10 * MINUTE}

NextShift = Callable[[datetime], datetime | None]
"""When the first shift after a moment begins; None if none is planned."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`after_s` counts from the raising of the call, or its reopening. `repeat_s` None: this level is told once."""

    priority: Priority
    clock: Clock
    level: int
    after_s: int
    recipients: tuple[str, ...]
    repeat_s: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """At `due_at`, tell these roles.

    Level 0 are those who were called: reminder 0 is the call itself, 1 the warning before a limit. In later levels
    `reminder` counts the repetitions; of the shift clock, the shifts that inherited the call.
    """

    clock: Clock
    level: int
    due_at: datetime
    recipients: tuple[str, ...]
    repeat_s: int | None = None
    reminder: int = 0

    @property
    def key(self) -> tuple[str, int, int]:
        return self.clock, self.level, self.reminder

    def not_before(self, moment: datetime) -> "Step":
        """Of a plan that holds since `moment`: a limit that had passed by then falls due then, and is not late."""
        return replace(self, due_at=max(self.due_at, moment))

    def following(self, next_shift: NextShift) -> "Step | None":
        """Due from when this one was due, so that a late escalator does not stretch the plan."""
        due_at = next_shift(self.due_at) if self.clock is Clock.SHIFT else self._repeated()
        return None if due_at is None else replace(self, due_at=due_at, reminder=self.reminder + 1)

    def _repeated(self) -> datetime | None:
        return None if self.repeat_s is None else self.due_at + timedelta(seconds=self.repeat_s)


@dataclass(frozen=True, slots=True)
class Course:
    """Where a call stands, and the steps it has still to take."""

    status: Status
    level: int
    ahead: tuple[Step, ...]


def no_shift(_: datetime) -> None:
    """For a line without a calendar: nobody inherits."""


def plan(
    priority: Priority,
    since: datetime,
    rules: Iterable[Rule],
    responders: Sequence[str],
    next_shift: NextShift = no_shift,
) -> tuple[Step, ...]:
    """Every step of a call raised or reopened at `since`, in the order they fall due; the first is due at once."""
    told = tuple(responders)
    its = [rule for rule in rules if rule.priority == priority]
    steps = [Step(Clock.ACK, 0, since, told)]
    steps += (Step(r.clock, r.level, since + timedelta(seconds=r.after_s), r.recipients, r.repeat_s) for r in its)
    steps += _warnings(since, its, told)
    if (shift := next_shift(since)) is not None:
        steps.append(Step(Clock.SHIFT, 0, shift, told))
    return tuple(sorted(steps, key=_order))


def _warnings(since: datetime, rules: Sequence[Rule], told: tuple[str, ...]) -> Iterable[Step]:
    for clock, before_s in WARN_BEFORE_S.items():
        limit_s = min((rule.after_s for rule in rules if rule.clock is clock), default=0)
        if limit_s > before_s:
            yield Step(clock, 0, since + timedelta(seconds=limit_s - before_s), told, reminder=1)


def advance(course: Course, now: datetime, next_shift: NextShift = no_shift) -> tuple[Course, tuple[Step, ...]]:
    """Take every step that has fallen due by `now`; return the new course and the steps taken, in order."""
    ahead, taken, level = list(course.ahead), [], course.level
    while due := [s for s in ahead if s.due_at <= now and course.status in RUNS_WHILE[s.clock]]:
        step = min(due, key=_order)
        ahead.remove(step)
        taken.append(step)
        level = max(level, step.level)
        if following := step.following(next_shift):
            ahead.append(following)
    return Course(course.status, level, tuple(sorted(ahead, key=_order))), tuple(taken)


def hasten(course: Course) -> tuple[Course, Step | None]:
    """Take the next higher level before it is due, or remind the last one besides; None: nothing is ahead.

    The reminders that were planned stay when they are: who asks ten times must not buy an hour of silence.
    """
    running = [s for s in course.ahead if s.level and course.status in RUNS_WHILE[s.clock]]
    higher = [s for s in running if s.level > course.level]
    step = min(higher or running, key=_order, default=None)
    if step is None:
        return course, None
    ahead = [s for s in course.ahead if s is not step]
    if step.reminder:
        ahead.append(replace(step, reminder=step.reminder + 1))
    elif following := step.following(no_shift):
        ahead.append(following)
    return Course(course.status, max(course.level, step.level), tuple(sorted(ahead, key=_order))), step


def turn(course: Course, status: Status) -> Course:
    """The call has come to `status`: clocks that do not run there are stopped for good."""
    return Course(status, course.level, tuple(s for s in course.ahead if status in RUNS_WHILE[s.clock]))


def worth_telling(taken: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of one round that are sent: of several overdue reminders the last, or an outage ends in a flood."""
    last = {(s.clock, s.level): s for s in taken}
    return tuple(s for s in taken if s.reminder == 0 or last[s.clock, s.level] is s)


def _order(step: Step) -> tuple[datetime, str, int, int]:
    return step.due_at, *step.key


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
