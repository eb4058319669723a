"""Which ideal cycle holds for a machine and a product at a moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from uuid import UUID

# A standard from then on has always held.
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standard:
    """None in a key means "any". In force on [valid_from, valid_to)."""

    line: UUID | None
    equipment: UUID | None
    product: UUID | None
    ideal_cycle_ms: int
    valid_from: datetime
    valid_to: datetime | None

    def in_force(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)

    def fits(self, line: UUID, equipment: UUID, product: UUID | None) -> bool:
        return (
            self.line in (None, line)
            and self.equipment in (None, equipment)
            and (self.product is None or self.product == product)
        )

    def source(self, names: Mapping[UUID, str], zone: tzinfo) -> str:
        """Where it comes from, in words: "White sliced 500 g on BP01.PACK.BAG1, since 1 Nov 2026"."""
        place = self.equipment or self.line
        words = " on ".join(names[key] for key in (self.product, place) if key is not None)
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
        if self.product is not None:
            return "this product on this machine" if self.equipment is not None else "this product"
        if self.equipment is not None:
            return "this machine"
        return "this line" if self.line is not None else "every machine"


@dataclass(frozen=True, slots=True)
class Standards:
    rows: tuple[Standard, ...]

    def ideal_cycle(self, line: UUID, equipment: UUID, product: UUID | None, at: datetime) -> Standard | None:
        """The standard that holds; a job that sets a pace of its own would be asked here, before all others."""
        fitting = [row for row in self.rows if row.in_force(at) and row.fits(line, equipment, product)]
        return max(fitting, key=lambda row: row.rank) if fitting else None

    def ideal_cycle_ms(self, line: UUID, equipment: UUID, product: UUID | None, at: datetime) -> int | None:
        found = self.ideal_cycle(line, equipment, product, at)
        return None if found is None else found.ideal_cycle_ms

    def changes(self, line: UUID, equipment: UUID, product: UUID | None) -> list[tuple[datetime, int | None]]:
        """The ideal cycle over time: each from a moment on until the next, earliest first."""
        fitting = [row for row in self.rows if row.fits(line, equipment, product)]
        moments = {moment for row in fitting for moment in (row.valid_from, row.valid_to) if moment is not None}
        return [(moment, self.ideal_cycle_ms(line, equipment, product, moment)) for moment in sorted(moments)]


def standards(rows: Iterable[Standard]) -> Standards:
    return Standards(tuple(rows))
