"""The years that can be reckoned with: in them there are days before and after each day, in every time zone."""

from datetime import date

FIRST_YEAR, LAST_YEAR = 2000, 2100
REFUSAL = f"The year must be from {FIRST_YEAR} to {LAST_YEAR - 1}."


def is_within_reach(day: date) -> bool:
    """Of a moment the year of its own clock counts."""
    return FIRST_YEAR <= day.year < LAST_YEAR
