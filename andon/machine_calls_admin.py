"""The rules by which machines call, and what is shelved, in Django admin."""

from django.contrib import admin

from andon.models import MachineCallRule, Shelf
from floor.admin import History


@admin.register(MachineCallRule)
class MachineCallRuleAdmin(admin.ModelAdmin):
    """A change is a new row from a date on; a row for one machine, switched off, keeps it from calling."""

    list_display = ("place", "trigger", "about", "at_least", "after_s", "kind", "priority", "enabled", "valid_from")
    list_filter = ("trigger", "enabled", "kind", "line")
    search_fields = ("about",)
    list_select_related = ("line", "equipment", "kind")


@admin.register(Shelf)
class ShelfAdmin(History):
    list_display = ("equipment", "kind", "bit", "reason", "shelved_at", "ends_at", "shelved_by", "unshelved_by")
    list_filter = ("kind",)
    show_full_result_count = False
