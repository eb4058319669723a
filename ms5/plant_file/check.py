"""What only shows when the whole plant file is known: names that must exist, tags that must fit their use."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from floor.domain import rotations
from floor.domain.rotations import span
from floor.domain.shifts import BadCalendar, Pattern, Plan, Special, check_overlap, lies_inside
from floor.models import Line, SpecialDay
from ms5.plant_file.document import Path
from ms5.plant_file.schema import (
    ControllerEntry,
    LineEntry,
    PlantFile,
    RotationEntry,
    ShiftEntry,
    SpecialDayEntry,
    breaks_of,
    closest,
)
from plc.domain.addresses import BadAddress
from plc.domain.bindings import COUNTS, misfits
from plc.drivers.base import TagSpec

Finding: TypeAlias = tuple[Path, str]


def findings(plant: PlantFile) -> Iterator[Finding]:
    """Every contradiction, as (path, sentence)."""
    zone = ZoneInfo(plant.site.time_zone)
    yield from _site_calendar(plant, zone)
    for code, line in plant.lines.items():
        yield from _line(("lines", code), line, plant, zone)
    yield from _machines_named_once(plant)
    yield from _same_place(plant)
    for code, controller in plant.controllers.items():
        yield from _controller(("controllers", code), controller, plant)
    yield from _one_controller_per_machine(plant)


def _site_calendar(plant: PlantFile, zone: ZoneInfo) -> Iterator[Finding]:
    own = [*_shifts(("shifts",), plant.shifts), *_rotations(("rotations",), plant.rotations)]
    yield from own
    specials = plant.special_days
    yield from _special_days(("special_days",), specials, _shift_names(plant, *plant.lines.values()), is_of_line=False)
    if not own:
        yield from _together((("rotations" if plant.rotations else "shifts"),), _plans(plant), specials, [], zone)


def _line_calendar(path: Path, line: LineEntry, plant: PlantFile, zone: ZoneInfo) -> Iterator[Finding]:
    own = [*_shifts((*path, "shifts"), line.shifts), *_rotations((*path, "rotations"), line.rotations)]
    yield from own
    followed = line if line.shifts or line.rotations else plant
    yield from _special_days((*path, "special_days"), line.special_days, _shift_names(followed), is_of_line=True)
    if not own and (followed is line or line.special_days):
        where = "rotations" if line.rotations else "shifts" if line.shifts else "special_days"
        yield from _together((*path, where), _plans(followed), plant.special_days, line.special_days, zone)


def _shifts(path: Path, shifts: dict[str, ShiftEntry]) -> Iterator[Finding]:
    for name, shift in shifts.items():
        for place, rest in enumerate(breaks_of(shift.breaks), 1):
            if not lies_inside(rest, shift.starts_at, shift.ends_at):
                yield (
                    (*path, name, "breaks", place),
                    f"{rest.name} {span(rest.starts_at, rest.ends_at)} lies outside the shift.",
                )


def _rotations(path: Path, entries: dict[str, RotationEntry]) -> Iterator[Finding]:
    for name, entry in entries.items():
        try:
            rotation = entry.value()
        except BadCalendar as unreadable:
            yield (*path, name, "sequence"), str(unreadable)
            continue
        for where, sentence in rotations.misfits(rotation):
            yield (*path, name, where), sentence


def _special_days(
    path: Path, entries: Sequence[SpecialDayEntry], names: set[str], *, is_of_line: bool
) -> Iterator[Finding]:
    for place, entry in enumerate(entries, 1):
        row = SpecialDay(**entry.values())
        row.line = Line(code=str(path[1])) if is_of_line else None
        for where, sentence in _refused(row):
            yield (*path, place, _KEYS.get(where, where)), sentence
        if entry.kind != Special.EXTRA and entry.shift and entry.shift not in names:
            yield (*path, place, "shift"), f"no shift is called {entry.shift}{closest(entry.shift, names)}."


# What the file calls the columns of a special day.
_KEYS = {"starts_at": "from", "ends_at": "to"}


def _refused(row: SpecialDay) -> Iterator[tuple[str, str]]:
    try:
        row.clean()
    except ValidationError as error:
        for where, sentences in error.message_dict.items():
            yield from ((where, sentence) for sentence in sentences)


def _together(
    path: Path,
    plans: Sequence[Plan],
    of_site: Sequence[SpecialDayEntry],
    of_line: Sequence[SpecialDayEntry],
    zone: ZoneInfo,
) -> Iterator[Finding]:
    """Whether all of it can hold at once."""
    special_days = [
        *(day.value(is_of_line=False) for day in of_site),
        *(day.value(is_of_line=True) for day in of_line),
    ]
    try:
        check_overlap(plans, zone, special_days)
    except BadCalendar as bad:
        yield path, str(bad)


def _plans(entry: PlantFile | LineEntry) -> list[Plan]:
    patterns = [
        Pattern(name, frozenset(s.days), s.starts_at, s.ends_at, s.valid_from or date.min)
        for name, s in entry.shifts.items()
    ]
    return [*patterns, *(replace(r.value(), valid_from=r.valid_from or date.min) for r in entry.rotations.values())]


def _shift_names(*entries: PlantFile | LineEntry) -> set[str]:
    weekly = {name for entry in entries for name in entry.shifts}
    return weekly | {name for entry in entries for its in entry.rotations.values() for name in its.shifts}


def _line(path: Path, line: LineEntry, plant: PlantFile, zone: ZoneInfo) -> Iterator[Finding]:
    yield from _line_calendar(path, line, plant, zone)
    primaries = [code for code, machine in line.machines.items() if machine.primary]
    if not primaries:
        yield (
            (*path, "machines"),
            "no machine is primary; mark the one whose figures are the line's with primary: true.",
        )
    for extra in primaries[1:]:
        yield (
            (*path, "machines", extra, "primary"),
            f"{primaries[0]} is primary already; a line has one primary machine.",
        )
    for number, product in line.products.items():
        yield from _product((*path, "products", number), product, plant)
    for code, machine in line.machines.items():
        for product in machine.ideal_cycles_ms:
            yield from _product((*path, "machines", code, "ideal_cycles_ms", product), product, plant)


def _product(path: Path, code: str, plant: PlantFile) -> Iterator[Finding]:
    if code not in plant.products:
        yield path, f"there is no product {code} under products{closest(code, plant.products)}."


def _machines_named_once(plant: PlantFile) -> Iterator[Finding]:
    counted = Counter(code for line in plant.lines.values() for code in line.machines)
    for line_code, line in plant.lines.items():
        for code in line.machines:
            if counted[code] > 1:
                counted[code] -= 1
                yield (
                    ("lines", line_code, "machines", code),
                    "this machine stands in two lines; a machine belongs to one line.",
                )


def _same_place(plant: PlantFile) -> Iterator[Finding]:
    ordered = sorted(plant.controllers.items(), key=lambda item: (item[1].host, item[1].port, item[1].slot))
    for (first, one), (second, other) in pairwise(ordered):
        if (one.host, one.port, one.slot) == (other.host, other.port, other.slot):
            yield ("controllers", second, "host"), f"{first} has the same address, port and slot."


def _controller(path: Path, controller: ControllerEntry, plant: PlantFile) -> Iterator[Finding]:
    specs: dict[str, TagSpec] = {}
    for name in controller.tags:
        try:
            specs[name] = controller.spec(name)
        except BadAddress as error:
            yield (*path, "tags", name), str(error)
    machines = [code for line in plant.lines.values() for code in line.machines]
    for code, feeds in controller.machines.items():
        here = (*path, "machines", code)
        if code not in machines:
            yield here, f"there is no machine {code} in any line{closest(code, machines)}."
        if feeds.total_count and feeds.good_count:
            yield (
                (*here, "good_count"),
                "total_count is given too; good parts follow from made minus rejected, so give one of the two.",
            )
        for meaning in COUNTS:
            if len(getattr(feeds, meaning) or ()) > 1:
                yield (*here, meaning), "one counter only: parts cannot be counted by one counter and then by another."
        for meaning, place, bound in feeds.bound():
            spot = (*here, meaning, place)
            if bound.tag not in controller.tags:
                yield spot, f"{path[-1]} has no tag {bound.tag}{closest(bound.tag, controller.tags)}."
            elif bound.tag in specs:
                numbers = bound.model_dump(include={"bit", "invert", "offset", "modulus"})
                yield from ((spot, sentence) for sentence in misfits(meaning, specs[bound.tag], **numbers))


def _one_controller_per_machine(plant: PlantFile) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for code, controller in plant.controllers.items():
        for machine in controller.machines:
            if first.setdefault(machine, code) != code:
                yield (
                    ("controllers", code, "machines", machine),
                    f"{machine} is read from {first[machine]} already; a machine is read from one controller.",
                )
