"""The catalogue of stop reasons."""

from datetime import UTC, datetime

from oee.domain.reasons import REASONS
from oee.models import ReasonClass, StopReason

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)


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
