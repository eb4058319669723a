"""Totals as a test writes them, and all those that Hypothesis can think of."""

from dataclasses import replace

from hypothesis import strategies as st

from oee.domain.factors import Policy, Totals

HOUR = 3_600_000
MINUTE = 60_000
INSIDE, OUTSIDE = Policy(planned_stops_reduce_availability=True), Policy(planned_stops_reduce_availability=False)


def spent(**ms: int) -> Totals:
    return Totals(calendar_ms=sum(ms.values()), **ms)


def made(totals: Totals, made: int, rejected: int, cycle_ms: int) -> Totals:
    return replace(
        totals,
        made=made,
        rejected=rejected,
        ideal_made_ms=made * cycle_ms,
        ideal_good_ms=(made - rejected) * cycle_ms,
    )


MS = st.integers(0, 8 * HOUR)
TIMES = st.builds(
    spent, off_shift_ms=MS, no_data_ms=MS, break_ms=MS, idle_ms=MS, planned_stop_ms=MS, setup_ms=MS, stop_ms=MS,
    external_stop_ms=MS, minor_stop_ms=MS, run_ms=MS,
)  # fmt: skip
PARTS = st.integers(0, 50_000)


@st.composite
def _totals(draw: st.DrawFn) -> Totals:
    """Up to three products, rejects among their parts, some of them while starting up; failures and minor stops."""
    found = replace(draw(TIMES), failures=draw(st.integers(0, 20)), minor_stops=draw(st.integers(0, 200)))
    for _ in range(draw(st.integers(0, 3))):
        parts, cycle_ms = draw(PARTS), draw(st.integers(1, 10_000))
        rejected = draw(st.integers(0, parts))
        starting = draw(st.integers(0, rejected))
        product = made(Totals(), parts, rejected, cycle_ms)
        found += replace(product, reworked=draw(st.integers(0, rejected)), ideal_startup_ms=starting * cycle_ms)
    return found


TOTALS = _totals()
POLICIES = st.builds(Policy, st.booleans(), st.booleans(), st.booleans())
