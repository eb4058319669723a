"""From planned time to fully productive time: the six big losses.

planned − unplanned stops − setup and planned stops = operating; operating − minor stops − reduced speed = ideal time of
all parts; − process rejects − start-up rejects = ideal time of the good parts. Names and order are oee.com's
("Six Big Losses"), after Nakajima. All of it integers, so what is left over at the end is exactly 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from oee.domain.factors import TIME_COLUMNS, Totals, factors
from oee.domain.readings import Place, Reading


class Factor(StrEnum):
    """The factor that a loss lowers."""

    AVAILABILITY = "availability"
    PERFORMANCE = "performance"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Loss:
    """`number`: which of the six big losses; None for time that the six do not name. `lost_ms` None: not known."""

    code: str
    name: str
    number: int | None
    factor: Factor | None
    lost_ms: int | None


@dataclass(frozen=True, slots=True)
class Waterfall:
    """planned_ms = every loss + productive_ms; calendar time = planned_ms + everything in `outside`.

    Without an ideal cycle for every part nothing is known behind the minor stops; `remainder_ms` is then taken as far
    as the waterfall goes.
    """

    planned_ms: int
    operating_ms: int
    ideal_ms: int | None
    productive_ms: int | None
    losses: tuple[Loss, ...]
    outside: tuple[Loss, ...]
    flags: tuple[str, ...]

    @property
    def remainder_ms(self) -> int:
        """What planned time is left when every loss and the productive time are taken off: always 0."""
        known = self.losses
        left = self.productive_ms
        if left is None:
            known = tuple(loss for loss in known if loss.factor is Factor.AVAILABILITY)
            left = self.operating_ms
        return self.planned_ms - sum(loss.lost_ms or 0 for loss in known) - left


FASTER_THAN_IDEAL = "parts came faster than the ideal cycle while the machine ran: check the ideal cycle"

# Column → code, name, which of the six big losses while it is planned time.
STANDSTILL = {
    "stop_ms": ("unplanned_stops", "Unplanned stops", 1),
    "external_stop_ms": ("external_stops", "Starved or blocked", 1),
    "setup_ms": ("setup", "Setup and changeover", 2),
    "planned_stop_ms": ("planned_stops", "Planned stops", 2),
    "minor_stop_ms": ("minor_stops", "Minor stops", 3),
    "break_ms": ("breaks", "Breaks", None),
    "idle_ms": ("idle", "Nothing to make", None),
    "no_data_ms": ("no_data", "No data", None),
    "off_shift_ms": ("off_shift", "Off shift", None),
}


def waterfall(totals: Totals, reading: Reading) -> Waterfall:
    judged = totals.judged(reading)
    rated = judged.unrated_made == 0
    losses = (
        *_standstill(judged, reading, Place.AVAILABILITY),
        *_standstill(judged, reading, Place.OPERATING),
        *_speed_and_quality(judged, rated),
    )
    return Waterfall(
        judged.busy_ms,
        judged.operating_ms,
        judged.ideal_made_ms if rated else None,
        judged.ideal_good_ms if rated else None,
        losses,
        _standstill(judged, reading, Place.OUTSIDE),
        tuple(_flags(judged, rated)),
    )


def _standstill(judged: Totals, reading: Reading, place: Place) -> tuple[Loss, ...]:
    factor = {Place.AVAILABILITY: Factor.AVAILABILITY, Place.OPERATING: Factor.PERFORMANCE}.get(place)
    return tuple(
        Loss(code, name, None if factor is None else number, factor, getattr(judged, column))
        for column, (code, name, number) in STANDSTILL.items()
        if reading.place(column) is place
    )


def _speed_and_quality(judged: Totals, rated: bool) -> Iterable[Loss]:
    slow = judged.run_ms - judged.ideal_made_ms
    spoiled = judged.ideal_made_ms - judged.ideal_good_ms - judged.ideal_startup_ms
    for code, name, number, factor, lost in (
        ("reduced_speed", "Reduced speed", 4, Factor.PERFORMANCE, slow),
        ("process_rejects", "Rejects while running", 5, Factor.QUALITY, spoiled),
        ("startup_rejects", "Rejects while starting up", 6, Factor.QUALITY, judged.ideal_startup_ms),
    ):
        yield Loss(code, name, number, factor, lost if rated else None)


def _flags(judged: Totals, rated: bool) -> Iterable[str]:
    yield from factors(judged).flags
    if rated and judged.run_ms and judged.ideal_made_ms > judged.run_ms:
        yield FASTER_THAN_IDEAL


def together(falls: Sequence[Waterfall]) -> Waterfall:
    """Of times that were judged by different policies. What is not known of one is not known of all."""
    return Waterfall(
        sum(fall.planned_ms for fall in falls),
        sum(fall.operating_ms for fall in falls),
        _sum(fall.ideal_ms for fall in falls),
        _sum(fall.productive_ms for fall in falls),
        _merged(loss for fall in falls for loss in fall.losses),
        _merged(loss for fall in falls for loss in fall.outside),
        tuple(dict.fromkeys(flag for fall in falls for flag in fall.flags)),
    )


def _merged(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    found: dict[tuple[str, Factor | None], list[Loss]] = {}
    for loss in losses:
        found.setdefault((loss.code, loss.factor), []).append(loss)
    return tuple(replace(same[0], lost_ms=_sum(loss.lost_ms for loss in same)) for same in found.values())


def _sum(lengths: Iterable[int | None]) -> int | None:
    known = list(lengths)
    return None if None in known else sum(length or 0 for length in known)


def is_accounted_for(totals: Totals) -> bool:
    """Every millisecond of calendar time is in exactly one column."""
    return totals.spent(TIME_COLUMNS) == totals.calendar_ms
