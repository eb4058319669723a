"""Controllers in Django admin. A change is picked up by the reader within seconds, without a restart."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from plc.models import Binding, Controller, Link, Tag


class TagInline(admin.TabularInline):
    model = Tag
    extra = 0
    fields = ("name", "address", "data_type", "length", "unit", "enabled")
    ordering = ("name",)
    show_change_link = True


class BindingInline(admin.TabularInline):
    model = Binding
    extra = 0
    autocomplete_fields = ("equipment",)


@admin.register(Controller)
class ControllerAdmin(admin.ModelAdmin):
    list_display = ("code", "name", "kind", "host", "port", "scan_s", "enabled", "page")
    list_filter = ("kind", "enabled")
    search_fields = ("code", "name", "host")
    readonly_fields = ("page", "updated_at")
    inlines = (TagInline,)
    fieldsets = (
        (None, {"fields": ("code", "name", "page", "enabled", "notes")}),
        ("Address", {"fields": ("kind", "host", "port", "slot", "expected_serial")}),
        ("Reading", {"fields": ("scan_s", "connect_timeout_s", "exchange_timeout_s", "updated_at")}),
    )

    @admin.display(description="Live values and test")
    def page(self, controller: Controller) -> SafeString | str:
        if controller.pk is None or not controller.code:
            return "After saving."
        return format_html('<a href="{}">Values, test connection</a>', reverse("controller", args=[controller.code]))


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    list_display = ("name", "controller", "address", "data_type", "length", "unit", "enabled")
    list_filter = ("controller", "data_type", "enabled")
    search_fields = ("name", "address")
    inlines = (BindingInline,)


@admin.register(Binding)
class BindingAdmin(admin.ModelAdmin):
    list_display = ("equipment", "meaning", "tag", "bit", "invert", "scale", "offset", "modulus", "max_rate_per_min")
    list_filter = ("equipment", "meaning", "tag__controller")
    list_select_related = ("equipment", "tag")
    autocomplete_fields = ("equipment", "tag")


@admin.register(Link)
class LinkAdmin(admin.ModelAdmin):
    """Written by the reader alone."""

    list_display = ("controller", "state", "since", "last_ok_at", "achieved_rate_hz", "missed_slots", "error")
    list_filter = ("state",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
