"""What the live tiles of the floor itself show."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from floor.models import Line, MachineState


@dataclass(frozen=True, slots=True)
class Hop:
    name: str  # the machine
    ok: bool
    text: str  # "online" or "no reading since 10:42"


@dataclass(frozen=True, slots=True)
class LinkTile:
    hops: tuple[Hop, ...]


def link_tile(line: Line, now: datetime) -> LinkTile:
    """One hop per machine that is read, in the order of the line."""
    states = MachineState.objects.filter(equipment__line=line, equipment__enabled=True)
    rows = states.order_by("equipment__position").values_list("equipment__name", "observed_until", "limit_ms")
    return LinkTile(tuple(_hop(name, until, timedelta(milliseconds=limit), now) for name, until, limit in rows))


def _hop(name: str, observed_until: datetime | None, limit: timedelta, now: datetime) -> Hop:
    if observed_until is None:
        return Hop(name, False, "never read")
    if now - observed_until <= limit:
        return Hop(name, True, "online")
    return Hop(name, False, f"no reading since {timezone.localtime(observed_until):%H:%M}")
