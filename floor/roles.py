"""Who may do what. The matrix is code; which role a person has is data."""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.permissions import BasePermission

from floor.models import User
from floor.models.people import Role

if TYPE_CHECKING:  # rest_framework.views imports this module while it loads its settings
    from rest_framework.request import Request
    from rest_framework.views import APIView

__all__ = ["MATRIX", "PUBLIC", "Capability", "MatrixPermission", "Role", "can", "capabilities", "public", "require"]


class Capability(StrEnum):
    """One thing a person may be allowed to do; the label is what the refusal says."""

    VIEW_FLOOR = "see lines, equipment and calls"
    VIEW_REPORTS = "read reports"
    VIEW_ANALYTICS = "read analytics"
    RAISE_CALL = "raise a call"
    ANSWER_CALL = "acknowledge and resolve calls"
    ANSWER_QUALITY_CALL = "acknowledge and resolve quality calls"
    SHELVE_CALLS = "shelve calls of machines"
    CONTROL_PRODUCTION = "control production"
    CODE_STOP = "give a stop its reason"
    CODE_CLOSED_SHIFT = "change stops of a finished shift"
    CONFIRM_STOP = "confirm stops"
    ENTER_COUNTS = "enter counts and scrap"
    DECIDE_COUNTS = "decide about parts held back"
    RESTATE = "judge the past anew"
    WORK_JOBS = "work on jobs"
    ASSIGN_JOBS = "assign jobs"
    CONTROL_QUALITY = "enter quality checks"
    APPROVE_QUALITY = "approve quality"
    MAINTAIN = "work on maintenance orders"
    GENERATE_REPORTS = "make reports"
    SCHEDULE_REPORTS = "schedule reports"
    CALCULATE_OEE = "calculate OEE"
    PLAN_SHIFTS = "plan shifts"
    EDIT_LINES = "edit lines"
    VIEW_CONTROLLERS = "see controllers and their addresses"
    CONFIGURE = "configure the system"
    MONITOR_SYSTEM = "watch over the system"
    MANAGE_USERS = "manage users"


PUBLIC = None
"""What a route says that needs no capability: the sign-in page, the health checks."""

_EVERYBODY = frozenset(Role)
_MANAGERS = frozenset({Role.ADMIN, Role.PRODUCTION_MANAGER, Role.SHIFT_MANAGER})
_ENGINEERS = frozenset({Role.ADMIN, Role.ENGINEER})

HOLDERS: dict[Capability, frozenset[Role]] = {
    Capability.VIEW_FLOOR: _EVERYBODY,
    Capability.VIEW_REPORTS: _EVERYBODY,
    Capability.VIEW_ANALYTICS: _MANAGERS | {Role.ENGINEER, Role.VIEWER},
    Capability.RAISE_CALL: _EVERYBODY - {Role.VIEWER},
    Capability.ANSWER_CALL: _MANAGERS | {Role.ENGINEER, Role.MAINTENANCE},
    Capability.ANSWER_QUALITY_CALL: _MANAGERS | {Role.ENGINEER, Role.MAINTENANCE, Role.QUALITY},
    Capability.SHELVE_CALLS: _MANAGERS | {Role.ENGINEER, Role.MAINTENANCE},
    Capability.CONTROL_PRODUCTION: _MANAGERS | {Role.ENGINEER, Role.OPERATOR},
    Capability.CODE_STOP: _MANAGERS | {Role.ENGINEER, Role.OPERATOR},
    Capability.CODE_CLOSED_SHIFT: _MANAGERS | {Role.ENGINEER},
    Capability.CONFIRM_STOP: _MANAGERS | {Role.ENGINEER},
    Capability.ENTER_COUNTS: _MANAGERS | {Role.ENGINEER, Role.OPERATOR, Role.QUALITY},
    Capability.DECIDE_COUNTS: _ENGINEERS | {Role.PRODUCTION_MANAGER},
    Capability.RESTATE: _ENGINEERS | {Role.PRODUCTION_MANAGER},
    Capability.WORK_JOBS: _MANAGERS | {Role.OPERATOR},
    Capability.ASSIGN_JOBS: _MANAGERS,
    Capability.CONTROL_QUALITY: _MANAGERS | {Role.OPERATOR, Role.QUALITY},
    Capability.APPROVE_QUALITY: frozenset({Role.ADMIN, Role.PRODUCTION_MANAGER, Role.QUALITY}),
    Capability.MAINTAIN: _MANAGERS | {Role.ENGINEER, Role.MAINTENANCE},
    Capability.GENERATE_REPORTS: _MANAGERS | {Role.ENGINEER, Role.QUALITY},
    Capability.SCHEDULE_REPORTS: _MANAGERS,
    Capability.CALCULATE_OEE: _ENGINEERS | {Role.PRODUCTION_MANAGER},
    Capability.PLAN_SHIFTS: _MANAGERS | {Role.ENGINEER},
    Capability.EDIT_LINES: _ENGINEERS | {Role.PRODUCTION_MANAGER},
    Capability.VIEW_CONTROLLERS: _ENGINEERS | {Role.MAINTENANCE},
    Capability.CONFIGURE: _ENGINEERS,
    Capability.MONITOR_SYSTEM: frozenset({Role.ADMIN, Role.PRODUCTION_MANAGER}),
    Capability.MANAGE_USERS: frozenset({Role.ADMIN}),
}

MATRIX: dict[Role, frozenset[Capability]] = {
    role: frozenset(capability for capability, holders in HOLDERS.items() if role in holders) for role in Role
}

Person = AbstractBaseUser | AnonymousUser


def capabilities(user: Person | None) -> frozenset[Capability]:
    """What this person may do; nothing for strangers and for accounts that were switched off."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    return MATRIX.get(Role(user.role), frozenset())


def can(user: Person | None, capability: Capability | None) -> bool:
    return capability is PUBLIC or capability in capabilities(user)


P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
V = TypeVar("V", bound=Callable[..., Any])


def require(capability: Capability) -> Callable[[View[P]], View[P]]:
    """Open a page to those who have the capability: strangers sign in first, everybody else is refused."""

    def guard(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if can(request.user, capability):
                return view(request, *args, **kwargs)
            if request.user.is_authenticated:
                raise PermissionDenied(f"Your role may not {capability}.")
            return _ask_to_sign_in(request)

        guarded.capability = capability  # type: ignore[attr-defined]
        return guarded

    return guard


def _ask_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    # A script that fetches a tile must not be handed the sign-in page as if it were the tile.
    if request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
        return redirect_to_login(request.get_full_path())
    return HttpResponse("Sign in first.", status=401, content_type="text/plain")


def public(view: V) -> V:
    """Mark a page as open to everybody; without a mark a page is refused."""
    view.capability = PUBLIC  # type: ignore[attr-defined]
    return view


class MatrixPermission(BasePermission):
    """Every API view says which capability it needs; one that says nothing is refused to everybody.

    `capability` is one capability for all methods, or a dict from method ("GET") or action name to capability.
    """

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        declared = declared_capability(view, request.method or "", getattr(view, "action", None))
        if declared is not UNDECLARED and can(request.user, declared):
            return True
        if isinstance(declared, Capability):
            self.message = f"Your role may not {declared}."
        return False


UNDECLARED: Any = object()


def declared_capability(view: object, method: str, action: str | None) -> Any:
    """The capability a view asks for; PUBLIC if it asks for none, UNDECLARED if it forgot to say."""
    declared = getattr(view, "capability", UNDECLARED)
    if not isinstance(declared, dict):
        return declared
    method = "GET" if method in ("HEAD", "OPTIONS") else method
    return declared.get(action, declared.get(method, UNDECLARED))
