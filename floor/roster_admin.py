"""The roster in Django admin: who works which shift."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from floor import audit
from floor.models import Roster, User


@admin.register(Roster)
class RosterAdmin(admin.ModelAdmin):
    """Who is told of a call: first those who are there. Somebody without a row here is always there."""

    list_display = ("person", "role", "shift", "team", "line", "site", "valid_from", "valid_to")
    list_filter = ("site", "line", "shift", "team", "person__role")
    list_select_related = ("person", "line", "site")
    search_fields = ("person__username", "person__first_name", "person__last_name")
    fields = ("person", "site", "line", "shift", "team", "valid_from", "valid_to")

    @admin.display(description="Role", ordering="person__role")
    def role(self, row: Roster) -> str:
        return row.person.get_role_display()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        by = request.user if isinstance(request.user, User) else None
        audit.record(by, "roster_changed", obj, timezone.now(), roster=str(obj), valid_from=str(obj.valid_from))
