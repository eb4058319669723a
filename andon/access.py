"""Who may answer which call."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied

from andon.models import Call
from floor.models import User
from floor.models.roster import there_at
from floor.roles import Capability, Role, can

QUALITY = "quality"


def may_answer(user: AbstractBaseUser | AnonymousUser, call: Call) -> bool:
    """Those who answer every call, and the people of quality those that are theirs."""
    return can(user, Capability.ANSWER_CALL) or (call.kind_id == QUALITY and can(user, Capability.ANSWER_QUALITY_CALL))


def check_may_answer(user: AbstractBaseUser | AnonymousUser, call: Call) -> None:
    if not may_answer(user, call):
        raise PermissionDenied(f"Your role may not {Capability.ANSWER_CALL}.")


@dataclass(frozen=True, slots=True)
class Candidate:
    person: User
    is_on_shift: bool


def people_who_answer(call: Call, now: datetime) -> list[Candidate]:
    """Whom one can send: those on shift first, of them those of the called roles, in the order of the roles."""
    order = [*call.kind.responders, *Role.values]
    is_there = there_at([call.line], now)[call.line_id]
    people = User.objects.filter(is_active=True).order_by("first_name", "last_name", "username")
    answering = [
        Candidate(person, is_there(person.pk))
        for person in people
        if may_answer(person, call) and person.pk != call.responder_id
    ]
    return sorted(answering, key=lambda one: (not one.is_on_shift, order.index(one.person.role)))
