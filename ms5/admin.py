"""Django admin under the matrix of roles, behind the second factor where it is required."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from floor.models import User
from floor.roles import Role, can
from ms5.permissions import MODELS

OFFICE = frozenset({Role.ADMIN, Role.PRODUCTION_MANAGER, Role.SHIFT_MANAGER, Role.ENGINEER})
SECOND_FACTOR = frozenset({Role.ADMIN, Role.PRODUCTION_MANAGER, Role.ENGINEER})


class PlantAdmin(AdminSite):
    site_title = "MS5.0"
    site_header = "MS5.0 Floor Dashboard"
    index_title = "What can be configured"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Show only models of the matrix: other packages register tokens and secrets on their own account."""
        models = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        for model in models:
            if is_listed(model):
                super().register(model, admin_class or ModelAdmin, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """The office; what each role may open inside stands in the table."""
        return getattr(request.user, "role", None) in OFFICE and any(
            can(request.user, row[0]) for row in MODELS.values()
        )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        def behind_second_factor(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if self.has_permission(request) and needs_second_factor(request):
                return ask_for_second_factor(request)
            return guarded(request, *args, **kwargs)

        return behind_second_factor


def is_listed(model: type[Model]) -> bool:
    return model._meta.label_lower in MODELS


def needs_second_factor(request: HttpRequest) -> bool:
    if not settings.REQUIRE_2FA or not isinstance(request.user, User):
        return False
    return request.user.role in SECOND_FACTOR and not request.user.is_verified()  # type: ignore[attr-defined]


def ask_for_second_factor(request: HttpRequest) -> HttpResponse:
    return render(request, "ms5/second_factor.html", status=403)
