"""Controllers over the API: how the reading goes, and a look by hand."""

import math
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from floor.models import Site
from floor.rest import Asked, AskedList, PlantTime, as_uuid, local
from floor.roles import Capability, can
from plc.models import Controller, Link
from plc.tiles import link_words


class ControllerRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    address = serializers.CharField(allow_null=True, help_text="Only for those who may see controllers.")
    enabled = serializers.BooleanField()
    state = serializers.CharField(help_text="online, bad_tags, no_answer, no_connection, not_read, …")
    since = PlantTime(allow_null=True)
    error = serializers.CharField()
    hint = serializers.CharField()
    scan_s = serializers.FloatField(help_text="Wanted time from scan to scan.")
    achieved_rate_hz = serializers.FloatField(allow_null=True)
    last_good_read_at = PlantTime(allow_null=True)
    reading_age_s = serializers.FloatField(allow_null=True)
    read_s = serializers.FloatField(allow_null=True, help_text="How long one scan takes.")
    missed_slots = serializers.IntegerField()


def controller_row(controller: Controller, now: datetime, *, with_address: bool) -> dict[str, Any]:
    link: Link = getattr(controller, "link", None) or Link(controller=controller, since=controller.updated_at)
    words = link_words(controller, link, now)
    zone = plant_zone()
    seen = link.last_ok_at
    return {
        "id": controller.pk,
        "code": controller.code,
        "name": controller.name,
        "kind": controller.kind,
        "address": f"{controller.host}:{controller.port}" if with_address else None,
        "enabled": controller.enabled,
        "state": words.word.lower().replace(" ", "_"),
        "since": local(seen if words.look == "nodata" and seen else link.since, zone),
        # What the driver says may name the address.
        "error": words.error if with_address else "",
        "hint": words.hint if with_address else "",
        "scan_s": controller.scan_s,
        "achieved_rate_hz": link.achieved_rate_hz if link.state == Link.State.ONLINE else None,
        "last_good_read_at": local(seen, zone),
        "reading_age_s": max(0.0, (now - seen).total_seconds()) if seen else None,
        "read_s": None if link.read_ms is None else link.read_ms / 1000,
        "missed_slots": link.missed_slots,
    }


def plant_zone() -> Any:
    site = Site.objects.order_by("code").first()
    return site.zone if site else timezone.get_default_timezone()


def controllers() -> QuerySet[Controller]:
    return Controller.objects.select_related("link").order_by("code")


class ControllerList(AskedList):
    """Every controller and how its reading goes."""

    capability = Capability.VIEW_FLOOR
    serializer_class = ControllerRow

    def get_queryset(self) -> QuerySet[Controller]:
        return controllers()

    def rows(self, page: list[Controller]) -> list[dict[str, Any]]:
        now, may = timezone.now(), can(self.request.user, Capability.VIEW_CONTROLLERS)
        return [controller_row(controller, now, with_address=may) for controller in page]


def find_controller(key: str) -> Controller:
    """A controller by its id or by its code."""
    key_id = as_uuid(key)
    found = controllers().filter(code=key).first() if key.isprintable() else None
    found = found or (controllers().filter(pk=key_id).first() if key_id else None)
    if found is None:
        raise Http404("There is no such controller.")
    return found


class OneController(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = ControllerRow

    @extend_schema(operation_id="controller")
    def get(self, request: Request, controller: str) -> Response:
        """One controller and how its reading goes."""
        may = can(request.user, Capability.VIEW_CONTROLLERS)
        return self.answer(controller_row(find_controller(controller), timezone.now(), with_address=may))


class TriedTag(serializers.Serializer[Any]):
    name = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    quality = serializers.CharField()
    error = serializers.CharField()


class TriedRow(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    error = serializers.CharField()
    hint = serializers.CharField()
    product_name = serializers.CharField(allow_null=True)
    serial = serializers.CharField(allow_null=True)
    duration_s = serializers.FloatField()
    tags = TriedTag(many=True)


class TestConnection(Asked):
    capability = Capability.VIEW_CONTROLLERS
    serializer_class = TriedRow

    @extend_schema(operation_id="test_connection", request=None)
    def post(self, request: Request, controller: str) -> Response:
        """Open a connection beside the reader's, read every tag once, and say what came of it."""
        # Imported here: pycomm3 takes half a second to load, and few ask for it.
        from plc.probe import probe

        found = probe(find_controller(controller))
        identity = found.identity
        tags = [
            {"name": name, "value": as_json(value.value), "quality": value.quality.value, "error": value.error}
            for name, value in sorted(found.values.items())
        ]
        return self.answer(
            {
                "ok": found.ok,
                "error": found.error,
                "hint": found.hint,
                "product_name": identity.product_name if identity else None,
                "serial": identity.serial if identity else None,
                "duration_s": found.duration_s,
                "tags": tags,
            }
        )


def as_json(value: Any) -> Any:
    """JSON knows no infinity and no NaN; a controller does."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
