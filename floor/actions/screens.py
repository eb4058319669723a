"""What screens tell of themselves."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

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


def forget_screens(now: datetime) -> None:
    """Drop those that were taken down long ago."""
    Screen.objects.filter(at__lt=now - KEPT_FOR, is_watched=False).delete()
