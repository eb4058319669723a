"""What only shows when the whole plant file is known: names that must exist, tags that must fit their use."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

from floor.domain.shifts import Pattern, ShiftsOverlap, check_overlap
from ms5.plant_file.document import Path
from ms5.plant_file.schema import ControllerEntry, LineEntry, PlantFile, ShiftEntry, closest
from plc.domain.addresses import BadAddress
from plc.domain.bindings import COUNTS, misfits
from plc.drivers.base import TagSpec

Finding: TypeAlias = tuple[Path, str]


def findings(plant: PlantFile) -> Iterator[Finding]:
    """Every contradiction, as (path, sentence)."""
    zone = ZoneInfo(plant.site.time_zone)
    yield from _shifts(("shifts",), plant.shifts, zone)
    for code, line in plant.lines.items():
        yield from _line(("lines", code), line, plant, zone)
    yield from _machines_named_once(plant)
    yield from _same_place(plant)
    for code, controller in plant.controllers.items():
        yield from _controller(("controllers", code), controller, plant)
    yield from _one_controller_per_machine(plant)


def _shifts(path: Path, shifts: dict[str, ShiftEntry], zone: ZoneInfo) -> Iterator[Finding]:
    patterns = [
        Pattern(name, frozenset(s.days), s.starts_at, s.ends_at, s.valid_from or date.min) for name, s in shifts.items()
    ]
    try:
        check_overlap(patterns, zone)
    except ShiftsOverlap as overlap:
        yield path, str(overlap)
    for name, shift in shifts.items():
        for place, rest in enumerate(shift.breaks, 1):
            if not _inside(shift, rest.starts_at, rest.ends_at):
                yield (
                    (*path, name, "breaks", place),
                    f"{rest.name} {rest.starts_at:%H:%M}–{rest.ends_at:%H:%M} lies outside the shift.",
                )


def _inside(shift: ShiftEntry, starts_at: object, ends_at: object) -> bool:
    """On a clock that starts with the shift, the break begins and ends before the shift does."""

    def since(moment: object) -> int:
        minutes = moment.hour * 60 + moment.minute  # type: ignore[attr-defined]
        return int(minutes - first) % 1440

    first = shift.starts_at.hour * 60 + shift.starts_at.minute
    length = since(shift.ends_at) or 1440
    end = since(ends_at) or 1440
    return since(starts_at) < end <= length


def _line(path: Path, line: LineEntry, plant: PlantFile, zone: ZoneInfo) -> Iterator[Finding]:
    yield from _shifts((*path, "shifts"), line.shifts, zone)
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
