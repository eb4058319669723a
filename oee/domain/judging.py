"""By what a moment is judged: the rules in force then, or those of a later day when somebody restated it."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from oee.domain.factors import Policy

T = TypeVar("T")


class Restated(NamedTuple):
    """[start, end) is judged as if it were `as_of`."""

    start: int
    end: int
    as_of: int


class Judging:
    """Of restatements of the same moment the one that was made last holds; they are given in that order."""

    def __init__(self, restatements: Iterable[Restated] = ()) -> None:
        self._latest_first = tuple(restatements)[::-1]

    def __bool__(self) -> bool:
        return bool(self._latest_first)

    def at(self, moment: int) -> int:
        """The moment whose rules hold for `moment`."""
        as_of = self.restated(moment)
        return moment if as_of is None else as_of

    def restated(self, moment: int) -> int | None:
        """As of when `moment` was judged anew; None: it never was."""
        for restated in self._latest_first:
            if restated.start <= moment < restated.end:
                return restated.as_of
        return None

    def of_hour(self, hour: int, shift_start: int | None) -> int:
        """The moment whose policy reads an hour: when its shift began, unless this very hour was judged anew."""
        as_of = self.restated(hour)
        if as_of is not None:
            return as_of
        return hour if shift_start is None else shift_start


class Steps(Generic[T]):
    """Values each in force from a moment on until the next; `before` holds before the first."""

    def __init__(self, steps: Iterable[tuple[int, T]], before: T) -> None:
        in_order = sorted(steps, key=lambda step: step[0])
        self._starts = [since for since, _ in in_order]
        self._values = [value for _, value in in_order]
        self._before = before

    def at(self, moment: int) -> T:
        place = bisect_right(self._starts, moment) - 1
        return self._values[place] if place >= 0 else self._before

    def edges(self) -> set[int]:
        return set(self._starts)


@dataclass(frozen=True, slots=True)
class Rule:
    """Stops shorter than `micro_ms` are minor."""

    micro_ms: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a line over time."""

    steps: Steps[Rule]
    judging: Judging

    def at(self, moment: int) -> Rule:
        return self.steps.at(self.judging.at(moment))

    def policy(self, hour: int, shift_start: int | None) -> Policy:
        """By which an hour is read."""
        return self.steps.at(self.judging.of_hour(hour, shift_start)).policy
