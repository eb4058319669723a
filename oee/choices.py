"""The reasons that a person may choose from, the likely ones first."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from oee.domain.ledger import PLANNED_KINDS, Kind
from oee.models import StopCoding, StopReason

# What was chosen most recently on a machine is looked for among so many of its last codings.
LOOK_BACK = 30
RECENT = 3
LIKELY = 4


@dataclass(frozen=True, slots=True)
class ReasonChoice:
    code: str
    label: str


def choice_of(reason: StopReason | None) -> ReasonChoice | None:
    return None if reason is None else ReasonChoice(reason.code, reason.label)


def pair(code: str | None, label: str | None) -> ReasonChoice | None:
    return None if code is None or label is None else ReasonChoice(code, label)


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    name: str
    reasons: list[StopReason] = field(default_factory=list)


def reason_groups(reasons: Iterable[StopReason] | None = None) -> list[ReasonGroup]:
    """The reasons in use by group, in the order of the plant."""
    groups: dict[str, ReasonGroup] = {}
    for reason in StopReason.objects.offered() if reasons is None else reasons:
        groups.setdefault(reason.group, ReasonGroup(reason.group)).reasons.append(reason)
    return list(groups.values())


def planned_reasons(now: datetime) -> list[StopReason]:
    """Those that make a stop a planned one."""
    offered = StopReason.objects.offered().with_class(now)
    return [reason for reason in offered if reason.class_now and Kind(reason.class_now) in PLANNED_KINDS]  # type: ignore[attr-defined]


def recent_reasons(machine: UUID) -> list[ReasonChoice]:
    """The last different reasons that people chose on this machine, the newest first."""
    last = StopCoding.objects.filter(equipment=machine, reason__enabled=True).order_by("-pk")
    rows = last.values_list("reason", "reason__label")[:LOOK_BACK]
    return [ReasonChoice(*row) for row in dict.fromkeys(rows)][:RECENT]


def likely_reasons(machine: UUID, *proposed: ReasonChoice | None) -> tuple[ReasonChoice, ...]:
    """What is proposed comes before what was chosen lately."""
    found = dict.fromkeys([choice for choice in proposed if choice is not None] + recent_reasons(machine))
    return tuple(found)[:LIKELY]
