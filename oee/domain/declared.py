"""A ledger that somebody writes down instead of a machine, judged by the same arithmetic.

Times are seconds, any decimal number; nothing is rounded. The whole ledger is counted in ticks so short that every
figure in it is a whole number of them, and Totals holds ticks where a machine's hold milliseconds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm

from oee.domain.factors import Ratio, Totals
from oee.domain.losses import Factor, Loss, Waterfall, waterfall
from oee.domain.readings import Figures, Reading, read


class Contradiction(Exception):
    """The figures cannot all be true. `place` says where: ("products", 0, "good")."""

    def __init__(self, message: str, *place: str | int) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Product:
    """What was made of one product; None: not known."""

    ideal_cycle_s: Fraction | None
    total: int | None
    good: int | None
    scrap: int | None = 0
    rework: int | None = 0

    @property
    def rejected(self) -> int | None:
        return None if self.total is None or self.good is None else self.total - self.good

    @property
    def unexplained(self) -> int:
        """Parts that are said to be neither good nor scrap nor rework."""
        if self.rejected is None or self.scrap is None or self.rework is None or not self.scrap + self.rework:
            return 0
        return self.rejected - self.scrap - self.rework


def remaining(total: int | None, scrap: int | None, rework: int | None) -> int | None:
    """The good parts that follow from the other counts."""
    return None if total is None or scrap is None or rework is None else total - scrap - rework


STANDSTILLS = ("breaks_s", "planned_stops_s", "setup_s", "idle_s", "unplanned_stops_s", "minor_stops_s", "no_data_s")


@dataclass(frozen=True, slots=True)
class DeclaredLedger:
    """Seconds of one stretch of time. The standstills do not overlap; what is left of `scheduled_s` is running."""

    scheduled_s: Fraction = Fraction()
    breaks_s: Fraction = Fraction()
    planned_stops_s: Fraction = Fraction()
    setup_s: Fraction = Fraction()
    idle_s: Fraction = Fraction()
    unplanned_stops_s: Fraction = Fraction()
    minor_stops_s: Fraction = Fraction()
    no_data_s: Fraction = Fraction()
    calendar_s: Fraction | None = None
    products: tuple[Product, ...] = field(default=())

    @property
    def standstill_s(self) -> Fraction:
        return sum((getattr(self, name) for name in STANDSTILLS), Fraction())

    @property
    def run_s(self) -> Fraction:
        return self.scheduled_s - self.standstill_s


@dataclass(frozen=True, slots=True)
class Judged:
    """Factors and losses of a declared ledger in one reading; times are in ticks.

    `uncounted` names the ratios for which a count is missing: not even their numerator is known.
    """

    figures: Figures
    waterfall: Waterfall
    flags: tuple[str, ...]
    uncounted: frozenset[str]


class Declared:
    """A ledger free of contradictions, to be read in any way. Raises Contradiction."""

    def __init__(self, ledger: DeclaredLedger) -> None:
        check(ledger)
        self.ledger = ledger
        self.ticks_per_s = lcm(*(amount.denominator for amount in _amounts(ledger)))
        self.totals = _totals(ledger, self.ticks_per_s)

    def read(self, reading: Reading) -> Judged:
        unknown = _unknown(self.ledger.products)
        figures = read(self.totals, reading)
        losses = waterfall(self.totals, reading)
        flags = dict.fromkeys((*figures.factors.flags, *losses.flags, *_flags(self.ledger.products)))
        uncounted = frozenset((*unknown, "oee", "teep")) if unknown else frozenset[str]()
        return Judged(_blank(figures, unknown), _blank_losses(losses, unknown), tuple(flags), uncounted)


def check(ledger: DeclaredLedger) -> None:
    if ledger.run_s < 0:
        raise Contradiction(
            f"Breaks, stops and the other standstills add up to {_words(ledger.standstill_s)} s, "
            f"but only {_words(ledger.scheduled_s)} s were scheduled.",
            "scheduled_s",
        )
    if ledger.calendar_s is not None and ledger.calendar_s < ledger.scheduled_s:
        raise Contradiction(
            f"{_words(ledger.scheduled_s)} s were scheduled, more than the {_words(ledger.calendar_s)} s there were.",
            "calendar_s",
        )
    for place, product in enumerate(ledger.products):
        _check_counts(product, place)


def _check_counts(product: Product, place: int) -> None:
    counts = {"good": product.good, "scrap": product.scrap, "rework": product.rework}
    said = {name: count for name, count in counts.items() if count is not None and count > 0}
    if product.total is not None and sum(said.values()) > product.total:
        words = " + ".join(f"{count} {name}" for name, count in said.items())
        raise Contradiction(f"{words} are more than the {product.total} parts made.", "products", place, "total")


def _words(amount: Fraction) -> str:
    return f"{float(amount):.15g}"


def _amounts(ledger: DeclaredLedger) -> Iterator[Fraction]:
    yield from (ledger.scheduled_s, *(getattr(ledger, name) for name in STANDSTILLS))
    yield from (amount for amount in (ledger.calendar_s, *(p.ideal_cycle_s for p in ledger.products)) if amount)


def _totals(ledger: DeclaredLedger, ticks_per_s: int) -> Totals:
    def ticks(seconds: Fraction) -> int:
        return int(seconds * ticks_per_s)

    calendar_s = ledger.scheduled_s if ledger.calendar_s is None else ledger.calendar_s
    spent = Totals(
        calendar_ms=ticks(calendar_s),
        off_shift_ms=ticks(calendar_s - ledger.scheduled_s),
        no_data_ms=ticks(ledger.no_data_s),
        break_ms=ticks(ledger.breaks_s),
        idle_ms=ticks(ledger.idle_s),
        planned_stop_ms=ticks(ledger.planned_stops_s),
        setup_ms=ticks(ledger.setup_s),
        stop_ms=ticks(ledger.unplanned_stops_s),
        minor_stop_ms=ticks(ledger.minor_stops_s),
        run_ms=ticks(ledger.run_s),
    )
    return sum((_made(product, ticks_per_s) for product in ledger.products), spent)


def _made(product: Product, ticks_per_s: int) -> Totals:
    made, rejected = product.total or 0, product.rejected or 0
    cycle = 0 if product.ideal_cycle_s is None else int(product.ideal_cycle_s * ticks_per_s)
    return Totals(
        made=made,
        rejected=rejected,
        reworked=product.rework or 0,
        unrated_made=made if product.ideal_cycle_s is None else 0,
        ideal_made_ms=made * cycle,
        ideal_good_ms=(made - rejected) * cycle,
    )


# ---------------------------------------------------------------- what nobody counted


def _unknown(products: Iterable[Product]) -> frozenset[Factor]:
    """The factors that an unknown count leaves open."""
    found = set()
    for product in products:
        if product.total is None:
            found |= {Factor.PERFORMANCE, Factor.QUALITY}
        elif product.good is None:
            found.add(Factor.QUALITY)
    return frozenset(found)


def _blank(figures: Figures, unknown: frozenset[Factor]) -> Figures:
    if not unknown:
        return figures
    found, uncounted = figures.factors, Ratio(0, None)
    factors = replace(
        found,
        performance=uncounted if Factor.PERFORMANCE in unknown else found.performance,
        quality=uncounted if Factor.QUALITY in unknown else found.quality,
        oee=uncounted,
    )
    return replace(figures, factors=factors, ooe=uncounted, teep=uncounted)


def _blank_losses(found: Waterfall, unknown: frozenset[Factor]) -> Waterfall:
    if not unknown:
        return found
    losses = tuple(_blank_loss(loss, unknown) for loss in found.losses)
    ideal_ms = None if Factor.PERFORMANCE in unknown else found.ideal_ms
    return replace(found, losses=losses, ideal_ms=ideal_ms, productive_ms=None)


def _blank_loss(loss: Loss, unknown: frozenset[Factor]) -> Loss:
    is_counted_in_parts = loss.code in ("reduced_speed", "process_rejects", "startup_rejects")
    return replace(loss, lost_ms=None) if is_counted_in_parts and loss.factor in unknown else loss


def _flags(products: Iterable[Product]) -> Iterator[str]:
    for number, product in enumerate(products, start=1):
        if product.total is None:
            yield f"product {number}: how many parts were made is not known"
        elif product.good is None:
            yield f"product {number}: how many parts were good is not known"
        elif product.unexplained:
            yield f"product {number}: {product.unexplained} parts are neither good nor scrap nor rework"
