from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from floor.roles import Capability, can

THEMES = ("light", "dark")


def product(request: HttpRequest) -> dict[str, object]:
    return {
        "version": settings.VERSION,
        "product_name": settings.PROJECT_NAME,
        "theme": theme(request),
        "may_analyse": can(getattr(request, "user", None), Capability.VIEW_ANALYTICS),
        "may_see_controllers": can(getattr(request, "user", None), Capability.VIEW_CONTROLLERS),
        "may_see_standards": can(getattr(request, "user", None), Capability.VIEW_ANALYTICS),
        "may_see_counts": can(getattr(request, "user", None), Capability.VIEW_ANALYTICS),
        "may_see_screens": can(getattr(request, "user", None), Capability.ANSWER_CALL),
        "unread": getattr(getattr(request, "user", None), "unread", 0),
        "may_administer": admin.site.has_permission(request) if hasattr(request, "user") else False,
    }


def theme(request: HttpRequest) -> str:
    """What the address asks for, or what was chosen on this screen; empty: what the screen's own setting says."""
    asked = request.GET.get("theme") or request.COOKIES.get("theme", "")
    return asked if asked in THEMES else ""
