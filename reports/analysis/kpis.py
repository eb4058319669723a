"""Every KPI of the hours that are meant, and the same hours as each standard reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from oee.domain.factors import Policy, Ratio, Totals
from oee.domain.kpis import Answered, Kpi, every_kpi
from oee.domain.readings import STANDARDS, Figures, Reading, company, figures, read, staffed_ms


def side_by_side(judged: Totals, policies: Sequence[Policy]) -> list[Figures]:
    """The plant's own reading first; `judged` as each hour was judged."""
    return [figures(judged, company(policies[-1])), *(read(judged, standard) for standard in STANDARDS)]


def kpis(
    judged: Totals,
    reading: Reading | None,
    by_policy: Mapping[int, Totals],
    policies: Sequence[Policy],
    answered: Answered,
) -> tuple[Kpi, ...]:
    """By a standard, or with `reading` None every part of the time by the policy that judged it, by its number."""
    if reading is not None:
        return every_kpi(read(judged, reading), answered)
    own = figures(judged, company(policies[-1]))
    parts = by_policy or {len(policies) - 1: judged}
    staffed = sum(staffed_ms(totals, company(policies[number])) for number, totals in parts.items())
    ooe = Ratio(own.ooe.numerator, own.ooe.denominator and staffed)
    return every_kpi(replace(own, ooe=ooe), answered)
