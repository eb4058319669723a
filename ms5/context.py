from django.conf import settings
from django.http import HttpRequest

THEMES = ("light", "dark")


def product(request: HttpRequest) -> dict[str, str]:
    return {"version": settings.VERSION, "product_name": settings.PROJECT_NAME, "theme": theme(request)}


def theme(request: HttpRequest) -> str:
    """What the address asks for, or what was chosen on this screen; empty: what the screen's own setting says."""
    asked = request.GET.get("theme") or request.COOKIES.get("theme", "")
    return asked if asked in THEMES else ""
