"""Telling the screens that something changed."""

from uuid import UUID


def changed(line_id: UUID, *topics: str) -> None:
    """Mark tiles of a line as changed once the transaction commits."""
