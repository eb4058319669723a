"""The catalogue of stop reasons."""

from oee.domain.reasons import REASONS
from oee.models import StopReason


def load_reasons() -> None:
    """Add the reasons that are missing; words that people changed stay as they are."""
    StopReason.objects.bulk_create(
        [
            StopReason(
                code=reason.code,
                label=reason.label,
                group=reason.group,
                loss_class=StopReason.LossClass.PLANNED if reason.is_planned else StopReason.LossClass.UNPLANNED,
                position=position,
            )
            for position, reason in enumerate(REASONS)
        ],
        ignore_conflicts=True,
    )
