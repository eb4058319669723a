"""The catalogue of fault bits."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from floor import audit
from floor.domain.fault_list import Fault
from floor.models import Equipment, FaultDefinition, User


class Imported(NamedTuple):
    added: int
    changed: int
    same: int


@transaction.atomic
def import_faults(
    equipment: Equipment, faults: Sequence[Fault], *, keep_judgement: bool, by: User | None, now: datetime
) -> Imported:
    """Add and change definitions; bits that the list does not name stay, for the past is told with them.

    `keep_judgement`: of known bits only the text changes. What people decided about them (kind, origin) is worth
    more than an export that calls everything internal.
    """
    known = {row.bit: row for row in FaultDefinition.objects.select_for_update().filter(equipment=equipment)}
    added = [fault for fault in faults if fault.bit not in known]
    FaultDefinition.objects.bulk_create([FaultDefinition(equipment=equipment, **fault._asdict()) for fault in added])
    changed = 0
    for fault in faults:
        before = known.get(fault.bit)
        if before is None:
            continue
        values = _news(fault) if keep_judgement else fault._asdict()
        if any(getattr(before, name) != value for name, value in values.items()):
            FaultDefinition.objects.filter(pk=before.pk).update(**values)
            changed += 1
    if added or changed:
        audit.record(by, "faults_imported", equipment, now, added=len(added), changed=changed)
    return Imported(len(added), changed, len(faults) - len(added) - changed)


def _news(fault: Fault) -> dict[str, str]:
    """What is news about a known bit: its text, and a kind that only a person can have given."""
    kind = {"kind": fault.kind} if fault.kind in ("prompt", "status") else {}
    return {"text": fault.text, **kind}
