"""Roles as people say them."""

from collections.abc import Sequence

from floor.models.people import Role


def spoken(roles: Sequence[str]) -> str:
    """ "shift manager and engineer", for people."""
    names = [str(Role(role).label).lower() for role in roles]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def addressee(roles: Sequence[str]) -> str:
    """Whom a step goes to, short enough for a wall: the most senior of them, the floor before the office."""
    order = (Role.PRODUCTION_MANAGER, Role.SHIFT_MANAGER, Role.ADMIN, *Role)
    first = min(roles, key=lambda role: order.index(Role(role)))
    others = len(set(roles)) - 1
    return spoken([first]) + (f" and {others} more" if others else "")
