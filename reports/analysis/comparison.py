"""Lines, shifts, teams, products or jobs side by side."""

from collections.abc import Callable, Mapping
from functools import cached_property

from oee.analysis import Key, Sums
from oee.charts import comparison as drawing
from oee.domain.factors import Totals, factors
from oee.domain.kpis import BY_CODE
from reports.analysis.asked import FACTORS, Asked, completeness

MOST_JOBS = 40


class Comparison:
    """`read` judges totals, `target` says what a factor should be (None: no one target)."""

    def __init__(
        self, asked: Asked, sums: Sums, read: Callable[[Totals], Totals], target: Callable[[str], float | None]
    ) -> None:
        self.asked, self.sums, self.read, self.target = asked, sums, read, target

    @property
    def by(self) -> str:
        return self.asked.choice("compare")

    @cached_property
    def rows(self) -> list[tuple[Key, Totals]]:
        found: Mapping[Key, Totals] = {
            "line": self._by_line,
            "shift": self.sums.shifts,
            "team": self.sums.teams,
            "product": self.sums.products,
            "job": self.sums.jobs,
        }[self.by]
        return [(_called(self.by, key), self.read(totals)) for key, totals in found.items() if _counts(totals)]

    @property
    def _by_line(self) -> dict[Key, Totals]:
        return {
            Key(machine.line.code, f"{machine.line.code} {machine.line.name}"): self.sums.machines[machine.id]
            for machine in self.asked.speakers
            if machine.id in self.sums.machines
        }

    @cached_property
    def chart(self) -> drawing.Comparison:
        measures = [drawing.Measure(BY_CODE[name].name, self.target(name)) for name in FACTORS]
        contenders = [self._contender(key, totals) for key, totals in self.rows[self.left_out :]]
        with_first = contenders[0] if len(contenders) == 2 else None
        return drawing.comparison(contenders, measures, compare_with=with_first)

    @property
    def left_out(self) -> int:
        """Of many jobs the last that began are drawn; the file has them all."""
        return max(0, len(self.rows) - MOST_JOBS) if self.by == "job" else 0

    def _contender(self, key: Key, totals: Totals) -> drawing.Contender:
        found = factors(totals)
        values = tuple(getattr(found, name).value for name in FACTORS)
        href = self.asked.address({self.by: key.code}) if key.code else ""
        return drawing.Contender(key.label or key.code, values, completeness(totals), href)


def _counts(totals: Totals) -> bool:
    return totals.scheduled_ms > 0 or totals.made > 0


def _called(by: str, key: Key) -> Key:
    if by == "product" and key.code.startswith("#"):
        number = key.code.removeprefix("#")
        return key._replace(label="No product" if number == "-1" else f"Number {number}")
    if by == "job" and key.code:
        return key._replace(label=f"{key.code} {key.label}")
    nameless = {"shift": "Outside shifts", "team": "No team", "job": "No job"}
    return key if key.code else key._replace(label=nameless[by])
