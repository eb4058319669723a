"""What screens tell of themselves."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from floor import audit
from floor.models import Screen, User

KEPT_FOR = timedelta(days=30)
MOST = 1_000  # a plant has fewer; whoever makes up more is not believed


@dataclass(frozen=True, slots=True)
class Report:
    """One screen's own words: `shows` is the title of its page."""

    id: UUID
    person: UUID | None
    shows: str
    address: str
    sound: str
    width: int
    height: int


@transaction.atomic
def note_screens(reports: Sequence[Report], now: datetime) -> None:
    known = Screen.objects.in_bulk([report.id for report in reports])
    people = set(User.objects.filter(pk__in={report.person for report in reports}).values_list("pk", flat=True))
    room = MOST - Screen.objects.count()
    new = [report for report in reports if report.id not in known]
    refused = {report.id for report in new[max(room, 0) :]}
    rows = [_row(report, known.get(report.id), people, now) for report in reports if report.id not in refused]
    told = ["shows", "address", "person", "sound", "off_since", "width", "height", "at"]
    Screen.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=told)


def _row(report: Report, known: Screen | None, people: Set[UUID], now: datetime) -> Screen:
    off_since = (known.off_since if known else None) or now
    return Screen(
        id=report.id,
        shows=report.shows,
        address=report.address,
        person_id=report.person if report.person in people else None,
        sound=report.sound,
        off_since=off_since if report.sound == Screen.Sound.OFF else None,
        width=report.width,
        height=report.height,
        since=now,
        at=now,
    )


@transaction.atomic
def name_screen(screen: Screen, name: str, *, is_watched: bool, by: User, now: datetime) -> None:
    """Say what people call a screen, and whether it must be lit and heard."""
    screen.name, screen.is_watched = name, is_watched
    screen.save(update_fields=["name", "is_watched"])
    audit.record(by, "floor.name_screen", screen, now, name=name, is_watched=is_watched)


def forget_screens(now: datetime) -> None:
    """Drop those that were taken down long ago."""
    Screen.objects.filter(at__lt=now - KEPT_FOR, is_watched=False).delete()
