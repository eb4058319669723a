"""Make the database say what the plant file says. One transaction; loading the same file twice changes nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from andon.actions import seed_rules
from floor import audit
from floor.actions.calendar import keep_site_shifts
from floor.actions.standards import ALWAYS, Scope, has_facts
from floor.models import Equipment, FaultDefinition, Line, Product, ProductNumber, Site
from ms5.plant_file.changes import Changes
from ms5.plant_file.dated import (
    Cycles,
    has_plans,
    put_cycles,
    put_policy,
    put_rotations,
    put_shifts,
    put_special_days,
    refuse_overlap,
)
from ms5.plant_file.document import Problem, Refused
from ms5.plant_file.load import Loaded
from ms5.plant_file.schema import BoundTag, ControllerEntry, LineEntry, MachineEntry, PlantFile, closest
from oee.actions.reasons import load_reasons
from oee.actions.rebuild import rebuild
from oee.models import StopReason
from plc.models import Binding, Controller, Tag

# Machines that left the line stand behind all others, so that their places are free.
PARKED = 1000


def apply(loaded: Loaded, now: datetime, *, keep: bool = True) -> Changes:
    """Write what differs, or with `keep` off only say what would.

    Raises Refused, and writes nothing, when the file contradicts what the database must keep.
    """
    try:
        with transaction.atomic():
            changes = _apply(loaded.plant, now)
            transaction.set_rollback(not keep)
    except Refused as refused:
        raise Refused(
            [Problem(loaded.document.line(path), path, message) for _, path, message in refused.problems]
        ) from refused
    return changes


def _apply(plant: PlantFile, now: datetime) -> Changes:
    changes = Changes()
    _one_at_a_time()
    load_reasons()
    seed_rules()
    _check_reasons(plant)
    _check_owners(plant)
    site = changes.put(
        f"site {plant.site.code}",
        Site,
        {"code": plant.site.code},
        {"name": plant.site.name, "time_zone": plant.site.time_zone},
    )
    products = _put_products(changes, plant, site)
    lines = {
        code: _put_line(changes, site, place, code, entry) for place, (code, entry) in enumerate(plant.lines.items(), 1)
    }
    machines = _put_machines(changes, site, plant, lines)
    _put_calendar(changes, site, plant, lines, now)
    for code, line in lines.items():
        _put_product_numbers(changes, line, plant.lines[code], products)
        put_policy(changes, line, plant.lines[code].policy, now)
    put_cycles(changes, list(lines.values()), _cycles(plant, lines, machines, products), now)
    _put_controllers(changes, site, plant, machines, now)
    changes.disable("line", Line.objects.filter(site=site).exclude(code__in=plant.lines))
    _derive_again(changes, now)
    if changes:
        audit.record(
            None, "plant_file_loaded", site, now,
            added=changes.added, changed=changes.changed, removed=changes.removed,
        )  # fmt: skip
    return changes


def _one_at_a_time() -> None:
    """Two loads at once would each find the other's rows missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ms5.plant_file'))")


def _check_owners(plant: PlantFile) -> None:
    """A code that another site uses is a mistake in the file, not a move to this site."""
    problems = [
        Problem(0, ("lines", line.code), f"this line belongs to site {line.site.code}; choose another code.")
        for line in Line.objects.filter(code__in=plant.lines).exclude(site__code=plant.site.code).select_related("site")
    ]
    lines_of = {code: line for line, entry in plant.lines.items() for code in entry.machines}
    elsewhere = Equipment.objects.filter(code__in=lines_of).exclude(line__site__code=plant.site.code)
    problems += [
        Problem(
            0,
            ("lines", lines_of[machine.code], "machines", machine.code),
            f"this machine belongs to line {machine.line} of site {machine.line.site.code}; choose another code.",
        )
        for machine in elsewhere.select_related("line__site")
    ]
    if problems:
        raise Refused(problems)


def _derive_again(changes: Changes, now: datetime) -> None:
    """Figures that were judged by a standard that the file changes for the past."""
    for line, since in changes.restated.items():
        if has_facts(line):
            rebuild(line, since=since, now=now)
            changes.changed.append(f"figures of {line}, from {since:%Y-%m-%d} on")


def _check_reasons(plant: PlantFile) -> None:
    known = set(StopReason.objects.values_list("code", flat=True))
    unknown = [
        Problem(
            0,
            ("lines", line, "machines", machine, "faults", bit),
            f"there is no stop reason {fault.reason}{closest(fault.reason, known)}.",
        )
        for line, entry in plant.lines.items()
        for machine, its in entry.machines.items()
        for bit, fault in its.faults.items()
        if fault.reason and fault.reason not in known
    ]
    if unknown:
        raise Refused(unknown)


def _put_products(changes: Changes, plant: PlantFile, site: Site) -> dict[str, Product]:
    gone = Product.objects.filter(numbers__line__site=site).exclude(code__in=plant.products)
    elsewhere = Product.objects.filter(numbers__line__in=Line.objects.exclude(site=site))
    changes.disable("product", Product.objects.filter(pk__in=gone.exclude(pk__in=elsewhere).values("pk")))
    return {
        code: changes.put(f"product {code}", Product, {"code": code}, {"name": entry.name, "enabled": True})
        for code, entry in plant.products.items()
    }


def _put_line(changes: Changes, site: Site, place: int, code: str, entry: LineEntry) -> Line:
    values = {
        "site": site,
        "name": entry.name,
        "description": entry.description,
        "target_rate": entry.target_rate,
        "position": place,
        "enabled": True,
    }
    return changes.put(f"line {code}", Line, {"code": code}, values)


def _put_machines(changes: Changes, site: Site, plant: PlantFile, lines: Mapping[str, Line]) -> dict[str, Equipment]:
    wanted: dict[str, tuple[dict[str, Any], MachineEntry]] = {}
    for line_code, line in plant.lines.items():
        for place, (code, entry) in enumerate(line.machines.items(), 1):
            wanted[code] = (_machine_values(lines[line_code], place, entry), entry)
    _make_room(changes, site, {code: values for code, (values, _) in wanted.items()})
    machines = {}
    for code, (values, entry) in wanted.items():
        machines[code] = changes.put(f"machine {code}", Equipment, {"code": code}, values)
        _put_faults(changes, machines[code], entry)
    return machines


def _machine_values(line: Line, place: int, entry: MachineEntry) -> dict[str, Any]:
    return {
        "line": line,
        "name": entry.name,
        "kind": entry.kind,
        "criticality": entry.criticality,
        "position": place,
        "is_primary": entry.primary,
        "enabled": True,
    }


def _make_room(changes: Changes, site: Site, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Move whoever changes places out of the way first: no two machines may share a place even for a moment."""
    for number, row in enumerate(Equipment.objects.filter(line__site=site).order_by("code").select_for_update(), 1):
        rows = Equipment.objects.filter(pk=row.pk)
        if row.code not in wanted:
            if row.enabled:
                changes.removed.append(f"machine {row.code}")
            if row.enabled or row.is_primary:
                rows.update(enabled=False, is_primary=False, position=_parking_place(row.line))
            continue
        values = wanted[row.code]
        different = [
            f"{name} {getattr(row, name)} → {values[name]}"
            for name in ("line", "position", "is_primary")
            if getattr(row, name) != values[name]
        ]
        if different:
            changes.changed.append(f"machine {row.code}: {', '.join(different)}")
            rows.update(line=values["line"], position=20_000 + number, is_primary=False)
    for code, values in wanted.items():
        Equipment.objects.filter(code=code, position__gte=20_000).update(position=values["position"])
    for code, values in wanted.items():
        if values["is_primary"]:
            Equipment.objects.filter(code=code, is_primary=False).update(is_primary=True)


def _parking_place(line: Line) -> int:
    last = Equipment.objects.filter(line=line, position__gte=PARKED).order_by("-position").first()
    return last.position + 1 if last else PARKED


def _put_faults(changes: Changes, machine: Equipment, entry: MachineEntry) -> None:
    """Bits that the file does not name keep their texts: stops of the past are told with them."""
    for bit, fault in entry.faults.items():
        values = {
            "text": fault.text, "kind": fault.kind, "origin": fault.origin, "reason_code": fault.reason,
            "category": fault.category,
        }  # fmt: skip
        changes.put(f"fault {bit} of {machine.code}", FaultDefinition, {"equipment": machine, "bit": bit}, values)


def _put_calendar(changes: Changes, site: Site, plant: PlantFile, lines: Mapping[str, Line], now: datetime) -> None:
    for code, line in lines.items():
        _put_line_plans(changes, line, plant.lines[code], plant, now)
        put_special_days(changes, site, line, plant.lines[code].special_days, now)
    is_new = not has_plans(site, None)
    put_shifts(changes, site, None, plant.shifts, now, is_new=is_new)
    put_rotations(changes, site, None, plant.rotations, now, is_new=is_new)
    put_special_days(changes, site, None, plant.special_days, now)
    for its in (None, *lines.values()):
        refuse_overlap(site, its)


def _put_line_plans(changes: Changes, line: Line, entry: LineEntry, plant: PlantFile, now: datetime) -> None:
    """A line that once had shifts of its own goes on with its own, if need be with copies of the site's."""
    wanted = entry if entry.shifts or entry.rotations else plant
    if wanted is plant and not has_plans(line.site, line):
        return
    if f"line {line.code}" not in changes.added:
        keep_site_shifts(line, until=now.astimezone(line.site.zone).date() + timedelta(days=1))
    is_new = not has_plans(line.site, line)
    put_shifts(changes, line.site, line, wanted.shifts, now, is_new=is_new)
    put_rotations(changes, line.site, line, wanted.rotations, now, is_new=is_new)


def _put_product_numbers(changes: Changes, line: Line, entry: LineEntry, products: Mapping[str, Product]) -> None:
    """Numbers that the file no longer names stay: parts of the past were counted under them."""
    for number, code in entry.products.items():
        key = {"line": line, "number": number}
        if ProductNumber.objects.filter(**key).exclude(product=products[code]).exists():
            changes.restate(line, ALWAYS)
        changes.put(f"product number {number} of {line}", ProductNumber, key, {"product": products[code]})


def _cycles(
    plant: PlantFile, lines: Mapping[str, Line], machines: Mapping[str, Equipment], products: Mapping[str, Product]
) -> Cycles:
    wanted: Cycles = {}
    for code, product in plant.products.items():
        if product.ideal_cycle_ms:
            wanted[Scope(None, None, products[code])] = product.ideal_cycle_ms
    for line_code, line in plant.lines.items():
        if line.ideal_cycle_ms:
            wanted[Scope(lines[line_code], None, None)] = line.ideal_cycle_ms
        for code, machine in line.machines.items():
            if machine.ideal_cycle_ms:
                wanted[Scope(None, machines[code], None)] = machine.ideal_cycle_ms
            for product_code, cycle in machine.ideal_cycles_ms.items():
                wanted[Scope(None, machines[code], products[product_code])] = cycle
    return wanted


def _put_controllers(
    changes: Changes, site: Site, plant: PlantFile, machines: Mapping[str, Equipment], now: datetime
) -> None:
    for code, entry in plant.controllers.items():
        told_before = changes.count()
        values = entry.model_dump(exclude={"tags", "machines"})
        controller = changes.put(f"controller {code}", Controller, {"code": code}, values)
        tags = _put_tags(changes, controller, entry)
        _put_bindings(changes, controller, entry, tags, machines)
        if changes.count() != told_before:
            # The reader builds its list of tags anew when this moves.
            Controller.objects.filter(pk=controller.pk).update(updated_at=now)
    feeding = Controller.objects.filter(tags__bindings__equipment__line__site=site).exclude(code__in=plant.controllers)
    changes.disable("controller", Controller.objects.filter(pk__in=feeding.values("pk")))


def _put_tags(changes: Changes, controller: Controller, entry: ControllerEntry) -> dict[str, Tag]:
    tags = {}
    for name, tag in entry.tags.items():
        spec = entry.spec(name)
        values = {
            "address": spec.address,
            "data_type": spec.data_type,
            "length": spec.length,
            "unit": tag.unit,
            "enabled": True,
        }
        tags[name] = changes.put(f"tag {controller.code} {name}", Tag, {"controller": controller, "name": name}, values)
    changes.disable(f"tag {controller.code}", Tag.objects.filter(controller=controller).exclude(name__in=tags))
    return tags


def _put_bindings(
    changes: Changes,
    controller: Controller,
    entry: ControllerEntry,
    tags: Mapping[str, Tag],
    machines: Mapping[str, Equipment],
) -> None:
    kept = []
    for code, feeds in entry.machines.items():
        for meaning, place, bound in feeds.bound():
            what = f"{code} {meaning} from {controller.code} {bound.tag}"
            key = {"tag": tags[bound.tag], "equipment": machines[code], "meaning": meaning, "bit": bound.bit}
            kept.append(changes.put(what, Binding, key, _binding_values(bound, place)).pk)
    for row in (
        Binding.objects.filter(tag__controller=controller).exclude(pk__in=kept).select_related("tag", "equipment")
    ):
        changes.removed.append(f"{row.equipment.code} {row.meaning} from {controller.code} {row.tag.name}")
        row.delete()


def _binding_values(bound: BoundTag, place: int) -> dict[str, Any]:
    return {**bound.model_dump(exclude={"tag", "bit"}), "position": place}
