"""Why machines stood: reasons by weight, sorts of standstill, and how much of it has been explained."""

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from oee.analysis import Culprit, Losses, Lost
from oee.charts import pareto as ranking
from oee.domain.factors import Ratio, Totals
from oee.domain.ledger import Kind
from oee.domain.reasons import OTHER
from reports.analysis.asked import Asked

UNCODED_KINDS = (Kind.FAILURE, Kind.EXTERNAL)
CAUSES_SHOWN = 10
NOT_CODED, MINOR, SLOW = "Not coded", "Minor stops", "Slow running"
KIND_WORDS = {
    Kind.FAILURE: "Unplanned stops",
    Kind.EXTERNAL: "Starved or blocked",
    Kind.MINOR: "Minor stops",
    Kind.SETUP: "Setup and changeover",
    Kind.PLANNED: "Planned stops",
    Kind.IDLE: "Nothing to make",
}

CODES = {Kind.SETUP: "setup", Kind.PLANNED: "planned_stops", Kind.IDLE: "idle"}  # of what a policy may leave out


class Share(NamedTuple):
    label: str
    lost_ms: int
    events: int
    share: float | None  # of planned time; None for time outside it


class Coded(NamedTuple):
    """How much of the lost time and of the stops has been explained."""

    stops: Ratio
    time: Ratio
    other: Ratio  # explained as “other”, of what was explained


class Stops:
    """`whole` are the totals of the lines as they are read, `lost` what was lost to which reason, and `outside` the
    codes of losses that are, at least in part, no planned time."""

    def __init__(self, asked: Asked, whole: Totals, lost: Losses, outside: Collection[str]) -> None:
        self.asked = asked
        self.whole = whole
        self.lost = lost
        self.outside = outside

    @cached_property
    def pareto(self) -> ranking.Pareto:
        measure = self.asked.choice("measure")
        causes = [cause for cause in self._causes(measure) if cause.value > 0]
        if measure == "mtbf":
            return ranking.ranking(causes, at_most=CAUSES_SHOWN)
        return ranking.pareto(causes, at_most=CAUSES_SHOWN)

    def _causes(self, measure: str) -> Iterable[ranking.Cause]:
        for lost in self.reasons:
            yield ranking.Cause(lost.label, self._measured(measure, lost.lost_ms, lost.events))
        minor = self.whole.minor_stop_ms, self.whole.minor_stops
        yield ranking.Cause(MINOR, self._measured(measure, *minor))
        if measure == "minutes" and self.slow_ms:
            yield ranking.Cause(SLOW, self.slow_ms)

    def _measured(self, measure: str, lost_ms: int, events: int) -> float:
        if measure == "minutes":
            return lost_ms
        if measure == "count":
            return events
        return self.whole.operating_ms / events if events else 0.0

    @cached_property
    def reasons(self) -> list[Lost]:
        """Stops with a reason, largest first; planned ones only if they are asked for."""
        kinds = [*UNCODED_KINDS, *((Kind.SETUP, Kind.PLANNED) if self.asked.choice("stops") == "all" else ())]
        return [lost for lost in self.lost.reasons if lost.reason is not None and lost.kind in kinds]

    @property
    def slow_ms(self) -> int | None:
        """None where not every part has an ideal cycle."""
        return None if self.whole.unrated_made else self.whole.run_ms - self.whole.ideal_made_ms

    @cached_property
    def uncoded(self) -> Share:
        return self._share(NOT_CODED, [lost for lost in self.lost.reasons if _is_uncoded(lost)])

    @cached_property
    def kinds(self) -> list[Share]:
        """What sort of standstill there was."""
        by_kind = {kind: [lost for lost in self.lost.reasons if lost.kind == kind] for kind in KIND_WORDS}
        found = [(kind, self._share(KIND_WORDS[kind], rows)) for kind, rows in by_kind.items() if rows]
        return [share._replace(share=None) if CODES.get(kind) in self.outside else share for kind, share in found]

    @property
    def culprits(self) -> tuple[Culprit, ...]:
        return self.lost.culprits[:CAUSES_SHOWN]

    def _share(self, label: str, rows: Sequence[Lost]) -> Share:
        lost_ms, planned = sum(lost.lost_ms for lost in rows), self.whole.busy_ms
        return Share(label, lost_ms, sum(lost.events for lost in rows), lost_ms / planned if planned > 0 else None)

    @cached_property
    def coded(self) -> Coded:
        asked = [lost for lost in self.lost.reasons if lost.kind in UNCODED_KINDS]
        told = [lost for lost in asked if lost.reason is not None]
        other = [lost for lost in told if lost.group == OTHER]
        return Coded(
            Ratio(_events(told), _events(asked) or None),
            Ratio(_time(told), _time(asked) or None),
            Ratio(_time(other), _time(told) or None),
        )


def _is_uncoded(lost: Lost) -> bool:
    return lost.reason is None and lost.kind in UNCODED_KINDS


def _events(rows: Iterable[Lost]) -> int:
    return sum(lost.events for lost in rows)


def _time(rows: Iterable[Lost]) -> int:
    return sum(lost.lost_ms for lost in rows)
