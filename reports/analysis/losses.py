"""The six big losses, from planned time to fully productive time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oee.charts import waterfall as drawing
from oee.domain.factors import Policy, Totals
from oee.domain.losses import Factor, Waterfall, together, waterfall
from oee.domain.readings import Reading, company


@dataclass(frozen=True, slots=True)
class Losses:
    chart: drawing.Waterfall
    found: Waterfall
    planned_ms: int

    @property
    def difference_ms(self) -> int:
        """Planned time as stored against every loss and what is left: always 0."""
        return self.planned_ms - self.found.planned_ms + self.found.remainder_ms

    @property
    def outside(self) -> frozenset[str]:
        """Codes of the losses that are, at least in part, no planned time."""
        return frozenset(loss.code for loss in self.found.outside)


def losses(
    whole: Totals, reading: Reading | None, by_policy: Mapping[int, Totals], policies: Sequence[Policy]
) -> Losses:
    """`reading` None: every part of the time by the policy that judged it, by its number."""
    found = waterfall(whole, reading) if reading is not None else _as_judged(whole, by_policy, policies)
    return Losses(_drawn(found), found, whole.busy_ms)


def _as_judged(whole: Totals, by_policy: Mapping[int, Totals], policies: Sequence[Policy]) -> Waterfall:
    parts = sorted(by_policy.items()) or [(0, whole)]
    return together([waterfall(totals, company(policies[number])) for number, totals in parts])


def _drawn(found: Waterfall) -> drawing.Waterfall:
    stages = [
        drawing.Stage(
            tuple(
                drawing.Loss(loss.name, loss.lost_ms)
                for loss in found.losses
                if loss.factor is factor and loss.lost_ms is not None
            ),
            left,
        )
        for factor, left in (
            (Factor.AVAILABILITY, "Operating time"),
            (Factor.PERFORMANCE, "Ideal time of all parts"),
            (Factor.QUALITY, "Fully productive time"),
        )
    ]
    return drawing.waterfall(found.planned_ms, stages if found.productive_ms is not None else stages[:1])
