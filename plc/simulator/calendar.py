"""When a line is meant to run: shifts and breaks on the plant's own clock."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPEN, BREAK, OFF = "open", "break", "off"
BREAK_S = 1800.0


@dataclass(frozen=True, slots=True)
class LineCalendar:
    """Daily shifts (end before start = past midnight) and the starts of the half-hour breaks, local time."""

    zone: ZoneInfo
    shifts: tuple[tuple[time, time], ...]
    breaks: tuple[time, ...]
    _days: dict[date, list[tuple[float, str]]] = field(default_factory=dict, compare=False, repr=False)

    def at(self, t: float) -> tuple[str, float]:
        """Return the state at epoch second `t` and when it ends."""
        day = datetime.fromtimestamp(t, UTC).astimezone(self.zone).date()
        edges = [e for n in (-1, 0, 1, 2) for e in self._edges(day + timedelta(days=n))]
        merged = _merge(edges)
        k = bisect_right(merged, (t, "~"))
        return merged[k - 1][1], merged[k][0]

    def _edges(self, day: date) -> list[tuple[float, str]]:
        if day not in self._days:
            if len(self._days) > 16:
                self._days.clear()
            self._days[day] = self._edges_of(day)
        return self._days[day]

    def _edges_of(self, day: date) -> list[tuple[float, str]]:
        edges = []
        for starts, ends in self.shifts:
            last = day if ends > starts else day + timedelta(days=1)
            edges += [(self._epoch(day, starts), OPEN), (self._epoch(last, ends), OFF)]
        for starts in self.breaks:
            t = self._epoch(day, starts)
            edges += [(t, BREAK), (t + BREAK_S, OPEN)]
        return edges

    def _epoch(self, day: date, at: time) -> float:
        return datetime.combine(day, at, self.zone).timestamp()


def _merge(edges: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Sort; where one shift ends as the next begins, the line stays open."""
    starts = {t for t, state in edges if state == OPEN}
    kept = [(t, state) for t, state in edges if state != OFF or t not in starts]
    merged: list[tuple[float, str]] = []
    for t, state in sorted(kept):
        if not merged or merged[-1][1] != state:
            merged.append((t, state))
    return merged
