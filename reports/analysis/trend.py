"""The factors period by period, each with its target, and what was judged anew in them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from oee.analysis import Period, Step, Sums
from oee.charts import trend as drawing
from oee.domain.factors import Factors, Totals, factors
from oee.domain.kpis import BY_CODE
from oee.domain.limits import limits
from oee.models import Restatement
from reports.analysis.asked import FACTORS, Asked, completeness

DAY = timedelta(days=1)


class Told(NamedTuple):
    """One period; `last` is its last production day, `note` what somebody judged anew in it."""

    label: str
    note: str
    period: Period
    shift: str
    first: date
    last: date
    totals: Totals


class Trend:
    """`read` judges totals, `target` says what a factor should be (None: no one target)."""

    def __init__(
        self,
        asked: Asked,
        sums: Sums,
        read: Callable[[Totals], Totals],
        target: Callable[[str], float | None],
        restatements: Sequence[Restatement],
    ) -> None:
        self.asked, self.sums, self.read, self.target, self.restatements = asked, sums, read, target, restatements

    @cached_property
    def periods(self) -> list[Told]:
        """In time order; hours outside shifts are no period of a trend by shift."""
        told = [self._told(period, totals) for period, totals in self.sums.periods.items()]
        found = [one for one in told if self.asked.step is not Step.SHIFT or one.shift]
        ends = [*(one.period.began_at for one in found[1:]), None]
        return [one._replace(note=self._note(one.period.began_at, end)) for one, end in zip(found, ends, strict=False)]

    def _told(self, period: Period, totals: Totals) -> Told:
        key, _, shift = period.key.partition(" ")
        day = date.fromisoformat(key)
        label, last = _label(self.asked.step, day, shift), _last_day(self.asked.step, day)
        first, last = max(day, self.asked.days.first), min(last, self.asked.days.last)
        return Told(label, "", period, shift, first, last, self.read(totals))

    def _note(self, start: datetime, end: datetime | None) -> str:
        made = [one for one in self.restatements if one.ends_at > start and (end is None or one.starts_at < end)]
        return "; ".join(f"{one.line.code} restated: {one.reason}" for one in made)

    @cached_property
    def chart(self) -> drawing.Trend:
        periods, noted = [], ""
        for one in self.periods:
            # One restatement of many days is one remark, where it begins.
            note = one.note if one.note != noted else ""
            periods.append(drawing.Period(one.label, completeness(one.totals) or 0.0, note, self._href(one)))
            noted = one.note
        return drawing.trend(periods, [*self._series(), self._stopped()])

    def _href(self, one: Told) -> str:
        """To the evidence of the period, or to its analysis."""
        if self.asked.step is Step.SHIFT and self.asked.opens_shifts:
            return self.asked.evidence_href("oee", {"shift": one.period.began_at.isoformat()})
        if one.first == one.last and self.asked.opens_days and self.asked.step is not Step.SHIFT:
            return self.asked.evidence_href("oee", {"date": str(one.first)})
        shift = {"shift": one.shift} if one.shift else {}
        return self.asked.address({"range": None, "from": str(one.first), "to": str(one.last), "by": None, **shift})

    def _series(self) -> Iterable[drawing.Series]:
        found: list[Factors] = [factors(one.totals) for one in self.periods]
        whole = factors(self.read(self.sums.whole))
        for name in FACTORS:
            values = tuple(getattr(one, name).value for one in found)
            usual = limits(values, getattr(whole, name).value) if name == "oee" else None
            low, high = (usual.low, usual.high) if usual else (None, None)
            look: Any = "columns" if name == "oee" else "line"
            yield drawing.Series(BY_CODE[name].name, values, self.target(name), low, high, look)

    def _stopped(self) -> drawing.Series:
        rows = [one.totals for one in self.periods]
        values = tuple(row.unplanned_ms / row.busy_ms if row.busy_ms > 0 else None for row in rows)
        return drawing.Series("Unplanned stops, of planned time", values)


def _label(step: Step, day: date, shift: str) -> str:
    match step:
        case Step.SHIFT:
            return f"{shift} {day.day} {day:%b}"
        case Step.DAY:
            return f"{day.day} {day:%b}"
        case Step.WEEK:
            return f"Week {day.isocalendar().week}"
    return f"{day:%b %Y}"


def _last_day(step: Step, first: date) -> date:
    match step:
        case Step.WEEK:
            return first + 6 * DAY
        case Step.MONTH:
            return (first.replace(day=1) + 32 * DAY).replace(day=1) - DAY
    return first
