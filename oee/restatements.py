"""Where somebody judged the past anew: the mark that such figures carry wherever they are shown."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from django.db.models import Q

from floor.glance import AskedForMany
from floor.models import Line
from oee.models import Restatement

Stretch = tuple[Line, datetime, datetime]


@AskedForMany
def restatements_of(stretches: Sequence[Stretch]) -> dict[Stretch, list[Restatement]]:
    """Restatements that touch [start, end) of a line, the last one first; one query for all."""
    touching = [Q(line=line, starts_at__lt=end, ends_at__gt=start) for line, start, end in stretches]
    rows = list(Restatement.objects.filter(reduce(or_, touching)).select_related("author").order_by("-pk"))
    return {
        (line, start, end): [
            row for row in rows if row.line_id == line.id and row.starts_at < end and row.ends_at > start
        ]
        for line, start, end in stretches
    }


def mark(row: Restatement, zone: ZoneInfo) -> str:
    """One sentence for paper and screen."""
    return f"Restated {spelled(row.made_at, zone)} by {row.author}: {row.reason}"


def spelled(moment: datetime, zone: ZoneInfo) -> str:
    """27 Nov 2026 14:02 by the clock of the plant; the hour shown twice carries its offset."""
    local = moment.astimezone(zone)
    offset = f" ({local:%z})" if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset() else ""
    return f"{local.day} {local:%b %Y %H:%M}{offset}"
