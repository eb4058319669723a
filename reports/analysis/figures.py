"""The blocks of an analysis. Each is read and added up when it is first asked for; ratios are taken last."""

from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from floor.models import Line
from oee import analysis as oee
from oee.analysis import Sums
from oee.charts import heat as heating
from oee.domain.factors import Ratio, Totals, factors
from oee.domain.kpis import BY_CODE, Answered, Kpi, Targets, rating
from oee.domain.readings import Figures
from oee.models import LinePolicy, Restatement
from oee.setup import policies_of
from reports.analysis.asked import FACTORS, Asked, completeness
from reports.analysis.comparison import Comparison
from reports.analysis.kpis import kpis, side_by_side
from reports.analysis.losses import Losses, losses
from reports.analysis.reliability import Reliable, reliability
from reports.analysis.stops import Stops
from reports.analysis.timeline import Timeline, timeline
from reports.analysis.trend import Trend


class Figure(NamedTuple):
    """One ratio with its evidence, that of the period before, and what it should be (None: no one target)."""

    code: str
    name: str
    words: str
    now: Ratio
    before: Ratio
    target: float | None
    is_by_parts: bool
    href: str  # to what it was made of; nothing where no panel shows these hours

    @property
    def change(self) -> float | None:
        return None if self.now.value is None or self.before.value is None else self.now.value - self.before.value

    @property
    def misses(self) -> bool:
        return self.target is not None and self.now.value is not None and self.now.value < self.target


class Analysis:
    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    # ------------------------------------------------------------ what everything is made of

    @cached_property
    def sums(self) -> Sums:
        found = oee.sums(self.asked.scope)
        oee.add_unseen(found, self.asked.scope, self.asked.silences, self.asked.judgement.policies)
        return found

    @cached_property
    def lost(self) -> oee.Losses:
        return oee.losses(self.asked.scope, self.asked.now)

    def read(self, totals: Totals) -> Totals:
        """As the standard that was asked for judges it; else as it was judged."""
        return totals if self.asked.reading is None else totals.judged(self.asked.reading)

    @cached_property
    def whole(self) -> Totals:
        return self.read(self.sums.whole)

    @property
    def completeness(self) -> float | None:
        return completeness(self.whole)

    @cached_property
    def is_empty(self) -> bool:
        return self.whole.calendar_ms == 0

    @cached_property
    def flags(self) -> tuple[str, ...]:
        return factors(self.whole).flags

    @cached_property
    def restatements(self) -> list[Restatement]:
        """Stretches of these lines and days that somebody judged anew."""
        stretches = {stretch.line: stretch for stretch in self.asked.stretches}
        return [
            one
            for one in self.asked.every_restatement
            if (stretch := stretches.get(one.line_id)) and one.starts_at < stretch.until and one.ends_at > stretch.since
        ]

    @cached_property
    def offered(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """(name, words, choices) of what can be filtered by: what there was in these days."""
        return [
            (name, name.capitalize(), sorted((key, words) for key, words in self.sums.offered[name].items()))
            for name in ("shift", "team", "product")
        ]

    # ------------------------------------------------------------ 1 now and before

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        now, before = factors(self.whole), factors(self.read(self.sums.before))
        return tuple(
            Figure(
                name,
                BY_CODE[name].name,
                BY_CODE[name].words,
                getattr(now, name),
                getattr(before, name),
                self.target(name),
                is_by_parts=name == "quality" and self.whole.unrated_made > 0,
                href="" if self.is_empty else self.asked.evidence_href(name),
            )
            for name in FACTORS
        )

    @property
    def rating(self) -> str | None:
        return rating(factors(self.whole).oee.exact)

    @cached_property
    def targets(self) -> dict[UUID, Targets]:
        """Of each line, by the policy in force at the end of the range."""
        return {line.id: _targets(self._policy(line)) for line in self.asked.lines}

    def _policy(self, line: Line) -> LinePolicy:
        span = self.asked.spans.get(line)
        end = self.asked.now if span is None else min(span.until, self.asked.now)
        in_force = [policy for policy in policies_of(line) if policy.valid_from <= end]
        return in_force[-1] if in_force else LinePolicy(line=line)

    def target(self, name: str) -> float | None:
        """None when the lines do not agree."""
        held = {getattr(targets, name) for targets in self.targets.values()}
        return float(held.pop()) if len(held) == 1 else None

    # ------------------------------------------------------------ the other blocks

    @cached_property
    def side_by_side(self) -> list[Figures]:
        """The same hours as the plant and as each standard reads them."""
        return side_by_side(self.sums.whole, self.asked.judgement.policies)

    @cached_property
    def losses(self) -> Losses:
        return losses(self.whole, self.asked.reading, self.sums.policies, self.asked.judgement.policies)

    @cached_property
    def timeline(self) -> Timeline | None:
        return timeline(self.asked)

    @cached_property
    def stops(self) -> Stops:
        return Stops(self.asked, self.whole, self.lost, self.losses.outside)

    @cached_property
    def trend(self) -> Trend:
        return Trend(self.asked, self.sums, self.read, self.target, self.restatements)

    @cached_property
    def week(self) -> heating.Heat:
        met = {spot: self.read(totals) for spot, totals in self.sums.week.items()}
        planned = {spot: totals for spot, totals in met.items() if totals.busy_ms > 0 or totals.no_data_ms > 0}
        if self.asked.choice("week") == "stops":
            return heating.heat({spot: float(totals.unplanned_ms) for spot, totals in planned.items()})
        return heating.heat({spot: factors(totals).oee.value for spot, totals in planned.items()}, loudest="least")

    @cached_property
    def compared(self) -> Comparison:
        return Comparison(self.asked, self.sums, self.read, self.target)

    @cached_property
    def reliability(self) -> list[Reliable]:
        return reliability(self.asked, self.sums.machines, self.read)

    @cached_property
    def kpis(self) -> tuple[Kpi, ...]:
        calls, waited_ms = (sum(getattr(row, name) for row in self.reliability) for name in ("answered", "waited_ms"))
        by_policy, policies = self.sums.policies, self.asked.judgement.policies
        return kpis(self.sums.whole, self.asked.reading, by_policy, policies, Answered(calls, waited_ms))


def _targets(policy: LinePolicy) -> Any:
    shares = policy.target_availability, policy.target_performance, policy.target_quality
    return Targets(*shares)  # type: ignore[arg-type]
