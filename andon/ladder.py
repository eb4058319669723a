"""The escalation tree: for each priority, whom a call goes to and when, and where each open call stands."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Min

from andon.domain.call import Priority, Status
from andon.domain.escalation import RUNS_WHILE, Clock, Rule
from andon.models import Call, EscalationStep, rules_in_force
from andon.tiles import CallRow, live_calls, row
from andon.words import spoken

Rung = tuple[str, int]
CALLED: Rung = (Clock.ACK, 0)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of one priority. `after_s` counts from the call; `calls` stand here, the most urgent first."""

    clock: str  # ack | resolve
    level: int  # 0: those who were called
    after_s: int
    recipients: tuple[str, ...]
    repeat_s: int | None
    calls: tuple[CallRow, ...]

    @property
    def who(self) -> str:
        return spoken(self.recipients) if self.recipients else "those who were called"


@dataclass(frozen=True, slots=True)
class Ladder:
    priority: str
    levels: tuple[Level, ...]

    @property
    def calls(self) -> int:
        return sum(len(level.calls) for level in self.levels)


def escalation_tree(now: datetime) -> list[Ladder]:
    """The most urgent priority first."""
    calls = live_calls(Call.objects.all())
    return tree_of(calls, standing(calls), rules_in_force(now), now)


def tree_of(
    calls: Sequence[Call], standing: Mapping[UUID, EscalationStep], rules: Iterable[Rule], now: datetime
) -> list[Ladder]:  # fmt: skip
    at: dict[tuple[int, Rung], list[CallRow]] = defaultdict(list)
    for call in calls:
        step = standing.get(call.pk)
        at[call.priority, (step.clock, step.level) if step else CALLED].append(row(call, now))
    rules = list(rules)
    return [_ladder(priority, rules, at) for priority in sorted(Priority, reverse=True)]


def standing(calls: Sequence[Call]) -> dict[UUID, EscalationStep]:
    """The last level that each call was taken to since it was raised or reopened; absent: not escalated yet."""
    taken = EscalationStep.objects.filter(call__in=calls, level__gt=0, taken_at__isnull=False, round=F("call__round"))
    last = taken.order_by("call", "-taken_at", "-due_at", "-level").distinct("call")
    return {step.call_id: step for step in last}


def limits(calls: Sequence[Call]) -> dict[tuple[UUID, str], datetime]:
    """(call, clock) → when its first level is due, taken or not; absent once the clock has stopped."""
    steps = EscalationStep.objects.filter(call__in=calls, level__gt=0, cancelled_at=None, round=F("call__round"))
    first = steps.values_list("call", "clock").order_by().annotate(Min("due_at"))
    running = {(call.pk, clock) for call in calls for clock in Clock if Status(call.status) in RUNS_WHILE[clock]}
    return {(call, clock): due_at for call, clock, due_at in first if (call, clock) in running}


def _ladder(priority: Priority, rules: Iterable[Rule], at: Mapping[tuple[int, Rung], list[CallRow]]) -> Ladder:
    def here(rung: Rung) -> tuple[CallRow, ...]:
        return tuple(at.get((priority, rung), ()))

    its = sorted((rule for rule in rules if rule.priority == priority), key=lambda rule: (rule.clock, rule.level))
    first = Level(Clock.ACK, 0, 0, (), None, here(CALLED))
    levels = [
        Level(r.clock, r.level, r.after_s, r.recipients, r.repeat_s, here((r.clock, r.level)))
        for r in its
    ]  # fmt: skip
    return Ladder(priority.word, (first, *levels))


def needs(role: str, person: UUID, call: Call, standing: EscalationStep | None) -> bool:
    """Whether a call waits for this person: nobody answers it and it came to their role, or they are who comes."""
    if call.status != Status.OPEN:
        return call.responder_id == person
    return role in call.kind.responders or (standing is not None and role in standing.recipients)
