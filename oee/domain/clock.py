"""Integer milliseconds since 1970, the only time that the ledger knows."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def to_ms(moment: datetime) -> int:
    """Microseconds are cut off, so that equal moments stay equal and order is kept."""
    return (moment - EPOCH) // MILLISECOND


def from_ms(ms: int) -> datetime:
    return EPOCH + ms * MILLISECOND
