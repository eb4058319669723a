"""Which ideal cycle holds for a machine and a product at a moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from uuid import UUID

# A standard from then on has always held.
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standard:
    """None in a key means "any"; one of a job (its number) has no other key. In force on [valid_from, valid_to)."""

    line: UUID | None
    equipment: UUID | None
    product: UUID | None
    ideal_cycle_ms: int
    valid_from: datetime
    valid_to: datetime | None
    job: str | None = None

    def in_force(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)

    def fits(self, line: UUID, equipment: UUID, product: UUID | None) -> bool:
        return (
            self.line in (None, line)
            and self.equipment in (None, equipment)
            and (self.product is None or self.product == product)
        )

    def source(self, names: Mapping[UUID, str], zone: tzinfo) -> str:
        """Where it comes from, in words: "White sliced 500 g on BP01.PACK.BAG1, since 1 Nov 2026", "job 4711"."""
        place = self.equipment or self.line
        keys = (self.product, place)
        words = self.words if self.job else " on ".join(names[key] for key in keys if key is not None)
        since = self.valid_from.astimezone(zone)
        return words if self.valid_from <= BEGINNING else f"{words}, since {since.day} {since:%b %Y}"

    @property
    def rank(self) -> tuple[int, bool, datetime]:
        """The most particular wins: product on a machine, then product, then machine, then line."""
        place = 2 * (self.product is not None) + (self.equipment is not None)
        return place, self.line is not None, self.valid_from

    @property
    def words(self) -> str:
        """Of what it is a standard."""
        if self.job is not None:
            return f"job {self.job}"
        if self.product is not None:
            return "this product on this machine" if self.equipment is not None else "this product"
        if self.equipment is not None:
            return "this machine"
        return "this line" if self.line is not None else "every machine"


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job while it runs. `machine` speaks for its line; `cycles` are its own standards over time, mostly none."""

    key: UUID
    number: str
    product: UUID
    machine: UUID
    cycles: tuple[Standard, ...] = ()

    def rules(self, equipment: UUID, product: UUID | None) -> bool:
        """Whether its ideal cycle is meant for these parts: its own product, or one that nobody knows the name of."""
        return bool(self.cycles) and equipment == self.machine and product in (None, self.product)


@dataclass(frozen=True, slots=True)
class Standards:
    rows: tuple[Standard, ...]

    def ideal_cycle(
        self, line: UUID, equipment: UUID, product: UUID | None, at: datetime, job: RunningJob | None = None
    ) -> Standard | None:
        """The standard that holds: that of the job that runs, before all others, if it has one of its own."""
        own = self._of_job(equipment, product, job)
        fitting = [row for row in own if row.in_force(at)] or [
            row for row in self.rows if row.in_force(at) and row.fits(line, equipment, product)
        ]
        return max(fitting, key=lambda row: row.rank) if fitting else None

    def ideal_cycle_ms(
        self, line: UUID, equipment: UUID, product: UUID | None, at: datetime, job: RunningJob | None = None
    ) -> int | None:
        found = self.ideal_cycle(line, equipment, product, at, job)
        return None if found is None else found.ideal_cycle_ms

    def changes(
        self, line: UUID, equipment: UUID, product: UUID | None, job: RunningJob | None = None
    ) -> list[tuple[datetime, int | None]]:
        """The ideal cycle over time: each from a moment on until the next, earliest first."""
        fitting = [row for row in self.rows if row.fits(line, equipment, product)]
        fitting += self._of_job(equipment, product, job)
        moments = {moment for row in fitting for moment in (row.valid_from, row.valid_to) if moment is not None}
        return [(moment, self.ideal_cycle_ms(line, equipment, product, moment, job)) for moment in sorted(moments)]

    def _of_job(self, equipment: UUID, product: UUID | None, job: RunningJob | None) -> tuple[Standard, ...]:
        return job.cycles if job is not None and job.rules(equipment, product) else ()


def standards(rows: Iterable[Standard]) -> Standards:
    return Standards(tuple(rows))
