"""Standards and stops in Django admin. Who may open what stands in ms5/permissions.py."""

from django.contrib import admin

from floor.admin import History
from oee.models import DefectReason, LinePolicy, Stop, StopCoding, StopReason


@admin.register(StopReason)
class StopReasonAdmin(admin.ModelAdmin):
    list_display = ("code", "label", "group", "position", "enabled")
    list_filter = ("group", "enabled")


@admin.register(DefectReason)
class DefectReasonAdmin(admin.ModelAdmin):
    list_display = ("code", "label", "sort", "position", "enabled")
    list_filter = ("sort", "enabled")


@admin.register(LinePolicy)
class LinePolicyAdmin(admin.ModelAdmin):
    list_display = ("line", "valid_from", "micro_stop_s", "slow_below", "planned_stops_reduce_availability")
    list_filter = ("line",)


@admin.register(Stop)
class StopAdmin(History):
    list_display = ("line", "equipment", "started_at", "ended_at", "kind", "proposed_reason", "fault_text")
    list_filter = ("line", "kind")
    date_hierarchy = "started_at"
    show_full_result_count = False


@admin.register(StopCoding)
class StopCodingAdmin(History):
    list_display = ("equipment", "covers", "reason", "author", "made_at")
    list_filter = ("equipment", "reason")
    date_hierarchy = "made_at"
    show_full_result_count = False
