"""The smallest plant a test can stand on. Each factory makes the minimum and takes what matters by name."""

import uuid
from datetime import UTC, date, datetime, time
from itertools import count

from floor.models import Equipment, IdealCycle, Line, ShiftPattern, Site, User

_numbers = count(1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def make_site(code: str = "BAKERY", time_zone: str = "Europe/London") -> Site:
    site, _ = Site.objects.get_or_create(code=code, defaults={"name": "Bakery", "time_zone": time_zone})
    return site


def make_line(code: str = "L-BAG1", *, target_rate: float = 75.0, site: Site | None = None) -> Line:
    return Line.objects.create(
        code=code, name=f"Line {code}", site=site or make_site(), target_rate=target_rate, position=next(_numbers)
    )


def make_machine(line: Line, code: str | None = None, *, primary: bool = True, position: int = 1) -> Equipment:
    code = code or f"{line.code}.M{next(_numbers)}"
    return Equipment.objects.create(line=line, code=code, name=code, is_primary=primary, position=position)


def make_ideal_cycle(machine: Equipment, ideal_cycle_ms: int = 600) -> IdealCycle:
    return IdealCycle.objects.create(equipment=machine, ideal_cycle_ms=ideal_cycle_ms, valid_from=LONG_AGO)


def make_shifts(site: Site) -> list[ShiftPattern]:
    """Day 06–14, Afternoon 14–22, Night 22–06, every day."""
    return [
        ShiftPattern.objects.create(
            site=site, name=name, weekdays=[1, 2, 3, 4, 5, 6, 7], starts_at=time(start), ends_at=time(end),
            valid_from=date(2020, 1, 1),
        )
        for name, start, end in (("Day", 6, 14), ("Afternoon", 14, 22), ("Night", 22, 6))
    ]  # fmt: skip


def make_user(username: str = "ola", role: str = "operator") -> User:
    return User.objects.create(username=username, email=f"{username}-{uuid.uuid4().hex[:6]}@plant.example", role=role)
