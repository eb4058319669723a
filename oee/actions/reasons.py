"""The catalogue of stop reasons."""

from datetime import datetime

from django.db import transaction

from floor import audit, live
from floor.actions.standards import ALWAYS, has_facts, refuse_past
from floor.models import Line, User
from oee.domain.reasons import REASONS
from oee.models import ReasonClass, StopReason

# More than a person finds with a glove on: eight groups, twenty-five reasons.
GROUPS_TO_FIND = 8
REASONS_TO_FIND = 25
WORDS = ("label", "group", "position", "enabled")


def load_reasons() -> None:
    """Add the reasons that are missing; words and classes that people changed stay as they are."""
    StopReason.objects.bulk_create(
        [
            StopReason(code=reason.code, label=reason.label, group=reason.group, position=position)
            for position, reason in enumerate(REASONS)
        ],
        ignore_conflicts=True,
    )
    judged = set(ReasonClass.objects.values_list("reason_id", flat=True))
    ReasonClass.objects.bulk_create(
        [
            ReasonClass(reason_id=reason.code, loss_class=reason.loss_class.value, valid_from=ALWAYS)
            for reason in REASONS
            if reason.code not in judged
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def change_loss_class(
    reason: StopReason, loss_class: str, *, by: User | None, now: datetime, starts_at: datetime | None = None
) -> ReasonClass:
    """What is said with this reason from `starts_at` (None: now) on is a loss of this class. Raises PastIsJudged."""
    start = starts_at or now
    refuse_past(None, start, now)
    before = _class_at(reason, start)
    row, _ = ReasonClass.objects.update_or_create(reason=reason, valid_from=start, defaults={"loss_class": loss_class})
    _record(row, before, row.get_loss_class_display(), by, now)
    return row


@transaction.atomic
def take_back_loss_class(row: ReasonClass, *, by: User | None, now: datetime) -> None:
    """A loss class that was to begin later does not. Raises PastIsJudged."""
    refuse_past(None, row.valid_from, now)
    _record(row, row, "taken back", by, now)
    ReasonClass.objects.filter(pk=row.pk).delete()


@transaction.atomic
def add_reason(reason: StopReason, loss_class: str, *, by: User | None, now: datetime) -> StopReason:
    """A new reason of the catalogue, with what it is from the beginning: nothing was ever said with it."""
    reason.save(force_insert=True)
    row = ReasonClass.objects.create(reason=reason, loss_class=loss_class, valid_from=ALWAYS)
    _record(row, None, row.get_loss_class_display(), by, now)
    return reason


@transaction.atomic
def reword_reason(reason: StopReason, *, by: User | None, now: datetime) -> StopReason:
    """Other words, group or place for a reason, or switch it off. What was said with it keeps its code."""
    before = StopReason.objects.select_for_update().get(pk=reason.pk)
    changed = {f: (getattr(before, f), getattr(reason, f)) for f in WORDS if getattr(before, f) != getattr(reason, f)}
    reason.save(update_fields=WORDS)
    old, new = (", ".join(f"{field} {pair[place]}" for field, pair in changed.items()) for place in (0, 1))
    audit.record(by, "standard.reason", reason, now, what=f"Reason “{before}”", line="", before=old, after=new)
    for line in Line.objects.enabled():
        live.changed(line.id, "next", "stops")
    return reason


def crowded() -> list[str]:
    """Sentences about a catalogue in which nobody finds anything."""
    reasons = list(StopReason.objects.filter(enabled=True).values_list("group", flat=True))
    groups = set(reasons)
    found = []
    if len(groups) > GROUPS_TO_FIND:
        found.append(
            f"There are {len(groups)} groups of reasons; above {GROUPS_TO_FIND} people stop looking. Join some of them."
        )
    if len(reasons) > REASONS_TO_FIND:
        found.append(
            f"{len(reasons)} reasons are offered; above {REASONS_TO_FIND} people take the first that comes close. "
            "Switch off those that nobody uses."
        )
    return found


def is_judged_by(row: ReasonClass, now: datetime) -> bool:
    return row.valid_from <= now and has_facts(None)


def _class_at(reason: StopReason, moment: datetime) -> ReasonClass | None:
    return ReasonClass.objects.filter(reason=reason, valid_from__lte=moment).order_by("-valid_from").first()


def _record(row: ReasonClass, before: ReasonClass | None, after: str, by: User | None, now: datetime) -> None:
    told = None if before is None else before.get_loss_class_display()
    audit.record(
        by, "standard.loss_class", row, now, what=f"Loss class of “{row.reason}”", line="",
        before=told, after=after, since=row.valid_from.isoformat(),
    )  # fmt: skip
    for line in Line.objects.enabled():
        live.changed(line.id, "next", "stops")
