"""Whether a ratio went up or down, in words."""

# A change of five points is more than chance from week to week.
NOTICEABLE = 0.05


def change(value: float | None, before: float | None) -> float | None:
    return None if value is None or before is None else value - before


def trend(value: float | None, before: float | None) -> str | None:
    """improving, declining or stable; None when one of them is not known."""
    moved = change(value, before)
    if moved is None:
        return None
    if abs(moved) <= NOTICEABLE:
        return "stable"
    return "improving" if moved > 0 else "declining"
