"""The catalogue of defects."""

from oee.domain.defects import DEFECTS
from oee.models import DefectReason


def load_defects() -> None:
    """Add the defects that are missing; words that people changed stay as they are."""
    DefectReason.objects.bulk_create(
        [DefectReason(position=position, **defect._asdict()) for position, defect in enumerate(DEFECTS)],
        ignore_conflicts=True,
    )
