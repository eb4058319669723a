"""The blocks of the page about calls. Everything is one query; the list of what came again is a second."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import NamedTuple

from andon.models import CallKind
from andon.response import Again, Response, Responses, called_again, response
from oee.charts import comparison as comparing
from oee.charts import heat as heating
from oee.charts import pareto as ranking
from oee.charts import trend as trending
from reports.calls.asked import CallsAsked

DAY = timedelta(days=1)
NO_MACHINE = "no machine named"
CAUSES_SHOWN = 10
# A half that has a tenth more or fewer calls than the other is a direction, not chance.
NOTICEABLE = 0.10
PROMPT_TARGET, ESCALATED_TARGET, FIRST_TIME_TARGET = 0.9, 0.1, 0.8
MANY_CALLS, MANY_CRITICAL, LONG_REMEDY_S, MANY_OF_ONE_MACHINE = 100, 5, 3600, 10


class Card(NamedTuple):
    """A figure with the one of the period before; `unit` says how both are written."""

    name: str
    unit: str
    now: float | None
    before: float | None
    words: str
    target: float | None = None
    less_is_better: bool = True

    @property
    def misses(self) -> bool:
        if self.target is None or self.now is None:
            return False
        return self.now > self.target if self.less_is_better else self.now < self.target


class Named(NamedTuple):
    label: str
    found: Responses


class CallsAnalysis:
    def __init__(self, asked: CallsAsked, kinds: Sequence[CallKind]) -> None:
        self.asked = asked
        self.labels = {kind.code: kind.label for kind in kinds}

    @cached_property
    def response(self) -> Response:
        return response(self.asked.wanted)

    @cached_property
    def again(self) -> list[Again]:
        return called_again(self.asked.wanted)

    @property
    def now(self) -> Responses:
        return self.response.now

    @property
    def is_empty(self) -> bool:
        return self.now.calls == 0

    @property
    def cards(self) -> list[Card]:
        now, before = self.now, self.response.before
        return [
            Card("Calls", "count", now.calls, before.calls, f"{now.by_machine} by machines, {now.critical} critical"),
            Card("Time to the answer", "ms", _ms(now.answered.median_s), _ms(before.answered.median_s), "median"),
            Card(
                "Answered within the limit", "ratio", now.answered.within_share, before.answered.within_share,
                f"{now.answered.within} of {now.answered.limited} answers", PROMPT_TARGET, less_is_better=False,
            ),
            Card("Time to the remedy", "ms", _ms(now.remedied.median_s), _ms(before.remedied.median_s), "median"),
            Card(
                "Escalated", "ratio", now.escalated_share, before.escalated_share,
                f"{now.escalated} of {now.calls} calls", ESCALATED_TARGET,
            ),
            Card(
                "Put right at once", "ratio", now.first_time_share, before.first_time_share,
                f"{now.first_time} of {now.resolved} resolved calls", FIRST_TIME_TARGET, less_is_better=False,
            ),
        ]  # fmt: skip

    @property
    def insights(self) -> list[str]:
        """What stands out, in sentences; the limits are customary ones, not this plant's."""
        now, said = self.now, []
        if now.calls > MANY_CALLS:
            said.append(f"{now.calls} calls: more than {MANY_CALLS} in one range are hard to learn from one by one.")
        if now.critical > MANY_CRITICAL:
            said.append(f"{now.critical} calls were critical; if many are, none is.")
        if now.remedied.median_s is not None and now.remedied.median_s > LONG_REMEDY_S:
            said.append("Half of the calls took more than an hour to put right.")
        for machine, found in self.response.by_machine.items():
            if machine and found.calls > MANY_OF_ONE_MACHINE:
                said.append(f"{machine} alone called {found.calls} times.")
        if self.direction == "rising":
            said.append("There are more calls in the second half of these days than in the first.")
        return said

    @property
    def direction(self) -> str:
        """rising, falling or steady: the second half of the days against the first."""
        days = self._days
        first = sum(self._on(day).calls for day in days[: len(days) // 2])
        second = sum(self._on(day).calls for day in days[(len(days) + 1) // 2 :])
        if abs(second - first) <= NOTICEABLE * first:
            return "steady"
        return "rising" if second > first else "falling"

    @property
    def by_priority(self) -> list[Named]:
        rows = [Named(word, found) for word, found in self.response.by_priority.items()]
        return [*rows, Named("all", self.now)]

    @property
    def places(self) -> list[Named]:
        return self._named(self.asked.choice("place"))

    @property
    def compared(self) -> list[Named]:
        return self._named(self.asked.choice("compare"))

    def _named(self, part: str) -> list[Named]:
        if part == "priority":
            return [Named(word, found) for word, found in self.response.by_priority.items()]
        if part == "kind":
            return [Named(self.labels.get(code, code), found) for code, found in self.response.by_kind.items()]
        parts: Mapping[str, Responses] = self.response.by_line if part == "line" else self.response.by_machine
        return [Named(code or NO_MACHINE, found) for code, found in parts.items()]

    @property
    def is_by_wait(self) -> bool:
        return self.asked.choice("weight") == "wait"

    @cached_property
    def pareto(self) -> ranking.Pareto:
        causes = [ranking.Cause(one.label, self._weight(one.found)) for one in self.places]
        return ranking.pareto(causes, at_most=CAUSES_SHOWN)

    def _weight(self, found: Responses) -> float:
        return found.waited_s * 1000 if self.is_by_wait else found.calls

    @property
    def _days(self) -> list[date]:
        days = self.asked.days
        return [days.first + n * DAY for n in range(days.count)]

    def _on(self, day: date) -> Responses:
        return self.response.by_day.get(day) or Responses.none()

    @cached_property
    def trend(self) -> trending.Trend:
        days = [self._on(day) for day in self._days]
        series = (
            ("Answered within the limit", [one.answered.within_share for one in days], PROMPT_TARGET),
            ("Resolved within the limit", [one.remedied.within_share for one in days], PROMPT_TARGET),
            ("Put right at once", [one.first_time_share for one in days], FIRST_TIME_TARGET),
        )
        return trending.trend(
            [trending.Period(f"{day:%-d %b}", note="") for day in self._days],
            [trending.Series(name, tuple(values), target) for name, values, target in series],
        )

    @property
    def is_week_by_calls(self) -> bool:
        return self.asked.choice("week") == "calls"

    @cached_property
    def week(self) -> heating.Heat:
        found = self.response.by_weekday_and_hour
        if self.is_week_by_calls:
            return heating.heat({spot: float(its.calls) for spot, its in found.items()})
        return heating.heat({spot: _ms(its.answered.median_s) for spot, its in found.items()})

    @cached_property
    def comparison(self) -> comparing.Comparison:
        measures = [
            comparing.Measure("Answered in limit", PROMPT_TARGET),
            comparing.Measure("Not escalated", 1 - ESCALATED_TARGET),
            comparing.Measure("Put right at once", FIRST_TIME_TARGET),
        ]
        return comparing.comparison(
            [comparing.Contender(one.label, _ratios(one.found)) for one in self.compared],
            measures,
        )


def _ratios(found: Responses) -> tuple[float | None, ...]:
    kept = None if found.escalated_share is None else 1 - found.escalated_share
    return found.answered.within_share, kept, found.first_time_share


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
