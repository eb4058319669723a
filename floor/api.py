"""Lines and equipment over the API."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from floor.domain.machine import State
from floor.models import Equipment, FaultDefinition, FaultEvent, Line, MachineState, Product, ProductNumber
from floor.rest import Asked, AskedList, PlantTime, Query, find_line, find_machine, local
from floor.roles import Capability


class LineRow(serializers.Serializer[Line]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    site = serializers.CharField(source="site.code")
    time_zone = serializers.CharField(source="site.time_zone")
    enabled = serializers.BooleanField()
    target_rate_per_min = serializers.FloatField(source="target_rate")


class MachineRow(serializers.Serializer[Equipment]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    position = serializers.IntegerField()
    is_primary = serializers.BooleanField()
    criticality = serializers.IntegerField()
    enabled = serializers.BooleanField()


class LineDetail(LineRow):
    equipment = MachineRow(many=True)


class LineQuery(Query):
    active = serializers.BooleanField(required=False, help_text="Only lines that are switched on (or off).")


@extend_schema_view(get=extend_schema(parameters=[LineQuery]))
class LineList(AskedList):
    """The lines of the plant, in the plant's own order."""

    capability = Capability.VIEW_FLOOR
    serializer_class = LineRow
    query = LineQuery

    def get_queryset(self) -> QuerySet[Line]:
        lines = Line.objects.select_related("site").order_by("position", "code")
        return lines.filter(enabled=self.asked["active"]) if "active" in self.asked else lines


class OneLine(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = LineDetail

    def get(self, request: Request, line: str) -> Response:
        """One line with its machines, by id or code."""
        found = find_line(line)
        prefetch_related_objects([found], Prefetch("equipment", Equipment.objects.order_by("position")))
        return self.answer(found)


class ProductRow(serializers.Serializer[Product]):
    code = serializers.CharField()
    name = serializers.CharField()


class EquipmentStatusRow(serializers.Serializer["EquipmentStatus"]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    line = serializers.CharField()
    is_primary = serializers.BooleanField()
    state = serializers.ChoiceField(
        choices=[state.value for state in State], help_text="unknown: the controller has not been read lately."
    )
    since = PlantTime(allow_null=True)
    observed_until = PlantTime(allow_null=True, help_text="Time of the last good reading.")
    reading_age_s = serializers.FloatField(allow_null=True)
    speed_per_min = serializers.FloatField(allow_null=True, help_text="None while the machine is not being read.")
    product = ProductRow(allow_null=True)
    active_faults = serializers.IntegerField()


@dataclass(frozen=True, slots=True)
class EquipmentStatus:
    id: Any
    code: str
    name: str
    line: str
    is_primary: bool
    state: State
    since: datetime | None
    observed_until: datetime | None
    reading_age_s: float | None
    speed_per_min: float | None
    product: Product | None
    active_faults: int


def equipment_status(machine: Equipment, product: Product | None, active_faults: int, now: datetime) -> EquipmentStatus:
    """Where a machine stands. An old reading is told as unknown since then, never as the present."""
    live: MachineState | None = getattr(machine, "machine_state", None)
    zone = machine.line.site.zone
    seen = live.observed_until if live else None
    fresh = live is not None and seen is not None and now - seen <= timedelta(milliseconds=live.limit_ms)
    state = State(live.state) if live and fresh else State.UNKNOWN
    since = (live.since if live and live.state == state else seen) if live else None
    return EquipmentStatus(
        machine.pk,
        machine.code,
        machine.name,
        machine.line.code,
        machine.is_primary,
        state,
        local(since, zone),
        local(seen, zone),
        max(0.0, (now - seen).total_seconds()) if seen else None,
        live.speed if live and fresh else None,
        product,
        active_faults if fresh else 0,
    )


def machines() -> QuerySet[Equipment]:
    return Equipment.objects.select_related("line__site", "machine_state").order_by("line__position", "position")


def statuses(found: Iterable[Equipment], now: datetime) -> list[EquipmentStatus]:
    """One query for the faults and one for the products, however many machines."""
    found = list(found)
    products = {
        (number.line_id, number.number): number.product
        for number in ProductNumber.objects.filter(line__in={m.line_id for m in found}).select_related("product")
    }
    faults = Counter(fault.equipment_id for fault, meaning in active_faults(found) if is_fault(meaning))
    rows = []
    for machine in found:
        live: MachineState | None = getattr(machine, "machine_state", None)
        product = products.get((machine.line_id, live.product_number)) if live and live.product_number else None
        rows.append(equipment_status(machine, product, faults[machine.pk], now))
    return rows


def active_faults(found: Iterable[Equipment]) -> list[tuple[FaultEvent, FaultDefinition | None]]:
    """The bits that are set now, each with what the catalogue says about it."""
    found = list(found)
    meanings = {
        (meaning.equipment_id, meaning.bit): meaning for meaning in FaultDefinition.objects.filter(equipment__in=found)
    }
    events = FaultEvent.objects.filter(equipment__in=found, off_at=None).order_by("on_at", "bit")
    return [(event, meanings.get((event.equipment_id, event.bit))) for event in events]


def is_fault(meaning: FaultDefinition | None) -> bool:
    return meaning is not None and meaning.kind == FaultDefinition.Kind.FAULT


class EquipmentQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code.")


@extend_schema_view(get=extend_schema(parameters=[EquipmentQuery]))
class EquipmentStatusList(AskedList):
    """Every machine and where it stands now."""

    capability = Capability.VIEW_FLOOR
    serializer_class = EquipmentStatusRow
    query = EquipmentQuery

    def get_queryset(self) -> QuerySet[Equipment]:
        found = machines().filter(enabled=True)
        return found.filter(line=find_line(self.asked["line"])) if "line" in self.asked else found

    def rows(self, page: list[Equipment]) -> list[EquipmentStatus]:
        return statuses(page, timezone.now())


class OneEquipmentStatus(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = EquipmentStatusRow

    def get(self, request: Request, code: str) -> Response:
        """Where one machine stands now."""
        return self.answer(statuses([find_machine(code)], timezone.now())[0])


class FaultRow(serializers.Serializer[Any]):
    bit = serializers.IntegerField()
    text = serializers.CharField()
    origin = serializers.ChoiceField(choices=FaultDefinition.Origin.choices)
    since = PlantTime()


class FaultsAnswer(serializers.Serializer[Any]):
    equipment = serializers.CharField()
    faults = FaultRow(many=True, help_text="Faults, the oldest first: it is usually the cause of the others.")
    prompts = FaultRow(many=True, help_text="What the machine asks the operator to do; not faults.")
    undefined = FaultRow(many=True, help_text="Bits that are set but not in the catalogue.")


class EquipmentFaults(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = FaultsAnswer

    @extend_schema(operation_id="equipment_faults")
    def get(self, request: Request, code: str) -> Response:
        """The fault bits that are set now, in the machine builder's words."""
        machine = find_machine(code)
        zone = machine.line.site.zone
        rows: dict[str, list[dict[str, Any]]] = {"faults": [], "prompts": [], "undefined": []}
        for event, meaning in active_faults([machine]):
            if group := _group(meaning):
                rows[group].append(_fault_row(event, meaning, zone))
        return self.answer({"equipment": machine.code, **rows})


def _group(meaning: FaultDefinition | None) -> str | None:
    kind = meaning.kind if meaning else FaultDefinition.Kind.UNDEFINED
    groups = {
        FaultDefinition.Kind.FAULT: "faults",
        FaultDefinition.Kind.PROMPT: "prompts",
        FaultDefinition.Kind.UNDEFINED: "undefined",
    }
    return groups.get(FaultDefinition.Kind(kind))


def _fault_row(event: FaultEvent, meaning: FaultDefinition | None, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "bit": event.bit,
        "text": meaning.text if meaning else f"Fault bit {event.bit}",
        "origin": meaning.origin if meaning else FaultDefinition.Origin.INTERNAL,
        "since": local(event.on_at, zone),
    }
