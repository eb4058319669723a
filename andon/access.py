"""Who may answer which call."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied

from andon.models import Call
from floor.roles import Capability, can

QUALITY = "quality"


def may_answer(user: AbstractBaseUser | AnonymousUser, call: Call) -> bool:
    """Those who answer every call, and the people of quality those that are theirs."""
    return can(user, Capability.ANSWER_CALL) or (call.kind_id == QUALITY and can(user, Capability.ANSWER_QUALITY_CALL))


def check_may_answer(user: AbstractBaseUser | AnonymousUser, call: Call) -> None:
    if not may_answer(user, call):
        raise PermissionDenied(f"Your role may not {Capability.ANSWER_CALL}.")
