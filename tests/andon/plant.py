"""A line with its people, and the standard rules."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import count

from andon.actions import raise_call, seed_rules
from andon.domain.call import Priority
from andon.models import Call
from floor.models import Line, User
from tests.factories import make_line, make_user

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
ROLES = ("admin", "production_manager", "shift_manager", "engineer", "operator", "maintenance", "quality", "viewer")
_lines = count(1)


def after(**span: float) -> datetime:
    return SIX + timedelta(**span)


def make_crew() -> dict[str, User]:
    """One person of each role; user name = role."""
    seed_rules()
    return {role: make_user(role, role) for role in ROLES}


def make_call(
    line: Line | None = None, *, at: datetime = SIX, by: User | None = None, kind: str = "maintenance",
    priority: Priority | None = None, request_id: uuid.UUID | None = None,
) -> Call:  # fmt: skip
    line = line or make_line(f"L-{next(_lines)}")
    return raise_call(line, kind, by=by, now=at, request_id=request_id or uuid.uuid4(), priority=priority)
