"""The plant, its people and its history in Django admin. Who may open what stands in ms5/permissions.py."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from floor import calendar_admin, roster_admin  # noqa: F401  (register shifts, rotations, special days, the roster)
from floor.actions.faults import import_faults
from floor.domain import fault_list
from floor.jobs_admin import JobAdmin
from floor.models import (
    AuditEntry,
    CounterEvent,
    Equipment,
    FaultDefinition,
    FaultEvent,
    Heartbeat,
    Line,
    MachineState,
    Product,
    ProductNumber,
    Reconciliation,
    Screen,
    Site,
    StateEdge,
    User,
)
from floor.standards_admin import IdealCycleAdmin

__all__ = ["History", "IdealCycleAdmin", "JobAdmin"]


class History(admin.ModelAdmin):
    """Rows that machines or actions wrote: to be read, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Nobody is deleted, only switched off: the past names its people."""

    list_display = ("username", "first_name", "last_name", "role", "employee_id", "is_active", "last_login")
    list_filter = ("role", "is_active", "department")
    search_fields = ("username", "first_name", "last_name", "email", "employee_id")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "employee_id", "department")}),
        ("Access", {"fields": ("role", "is_active")}),
        ("History", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "role", "first_name", "last_name", "employee_id", "department")}),
        ("Password", {"fields": ("usable_password", "password1", "password2")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):
    list_display = ("code", "name", "time_zone")


class EquipmentInline(admin.TabularInline):
    model = Equipment
    extra = 0
    fields = ("position", "code", "name", "kind", "is_primary", "criticality", "enabled")
    show_change_link = True


class ProductNumberInline(admin.TabularInline):
    model = ProductNumber
    extra = 0


@admin.register(Line)
class LineAdmin(admin.ModelAdmin):
    list_display = ("code", "name", "site", "position", "target_rate", "enabled")
    list_filter = ("site", "enabled")
    search_fields = ("code", "name")
    inlines = (EquipmentInline, ProductNumberInline)


class FaultDefinitionInline(admin.TabularInline):
    model = FaultDefinition
    extra = 0
    ordering = ("bit",)


@admin.register(Equipment)
class EquipmentAdmin(admin.ModelAdmin):
    list_display = ("code", "name", "line", "position", "kind", "is_primary", "enabled")
    list_filter = ("line", "kind", "enabled")
    search_fields = ("code", "name")
    inlines = (FaultDefinitionInline,)


class FaultListForm(forms.Form):
    """A machine builder's export, and what only a person knows about it."""

    equipment = forms.ModelChoiceField(Equipment.objects.order_by("code"), label="Machine")
    file = forms.FileField(help_text="CSV with the columns Tag, Description and Source.")
    prompts = forms.CharField(required=False, help_text="Bits that only ask for something, e.g. 22, 25, 28-29.")
    statuses = forms.CharField(required=False, label="Status bits", help_text="Bits that are no faults, e.g. 47, 59.")
    overwrite = forms.BooleanField(required=False, label="Also take kind and source of known bits from the file")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            known = fault_list.kinds(cleaned.get("prompts", ""), cleaned.get("statuses", ""))
            if cleaned.get("file"):
                cleaned["list"] = fault_list.read(cleaned["file"].read(fault_list.MAX_BYTES + 1), known)
        except (fault_list.NotAFaultList, ValueError) as error:
            raise forms.ValidationError(str(error)) from error
        return cleaned


@admin.register(FaultDefinition)
class FaultDefinitionAdmin(admin.ModelAdmin):
    change_list_template = "admin/floor/faultdefinition/change_list.html"
    list_display = ("equipment", "bit", "text", "kind", "origin", "category", "reason_code")
    list_filter = ("equipment", "kind", "origin", "category")
    search_fields = ("text",)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.import_list)
        return [path("import/", page, name="floor_faultdefinition_import"), *super().get_urls()]

    def import_list(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = FaultListForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            self._import(request, form.cleaned_data)
            return redirect("admin:floor_faultdefinition_changelist")
        context = self.admin_site.each_context(request) | {"form": form, "title": "Import a list of faults"}
        return TemplateResponse(request, "admin/floor/faultdefinition/import.html", context | {"opts": self.opts})

    def _import(self, request: HttpRequest, given: dict[str, Any]) -> None:
        by = request.user if isinstance(request.user, User) else None
        done = import_faults(
            given["equipment"], given["list"].faults, keep_judgement=not given["overwrite"], by=by, now=timezone.now()
        )
        for remark in given["list"].remarks:
            messages.warning(request, remark)
        told = f"{done.added} added, {done.changed} changed, {done.same} as they were."
        messages.success(request, f"{given['equipment']}: {told}")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("code", "name", "enabled")
    search_fields = ("code", "name")


@admin.register(MachineState)
class MachineStateAdmin(History):
    list_display = (
        "equipment",
        "state",
        "since",
        "observed_until",
        "speed",
        "product_number",
        "made_raw",
        "rejected_raw",
    )


@admin.register(StateEdge)
class StateEdgeAdmin(History):
    list_display = ("equipment", "at", "state")
    list_filter = ("equipment", "state")
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(FaultEvent)
class FaultEventAdmin(History):
    list_display = ("equipment", "bit", "on_at", "off_at")
    list_filter = ("equipment",)
    date_hierarchy = "on_at"
    show_full_result_count = False


@admin.register(CounterEvent)
class CounterEventAdmin(History):
    list_display = ("equipment", "counter", "kind", "at", "before", "after", "delta")
    list_filter = ("equipment", "counter", "kind")
    date_hierarchy = "at"


@admin.register(Reconciliation)
class ReconciliationAdmin(History):
    list_display = ("equipment", "counter", "hour", "booked", "in_minutes", "expected", "difference", "reconciled_at")
    list_filter = ("equipment", "counter")
    date_hierarchy = "hour"
    show_full_result_count = False


@admin.register(Heartbeat)
class HeartbeatAdmin(History):
    list_display = ("component", "instance", "since", "at")


@admin.register(Screen)
class ScreenAdmin(History):
    """Screens enter themselves when they open a page that sounds; names are given on their own page."""

    list_display = ("__str__", "shows", "person", "sound", "at", "is_watched")


@admin.register(AuditEntry)
class AuditEntryAdmin(History):
    list_display = ("at", "actor", "action", "target_type", "target_id")
    list_filter = ("action", "target_type")
    search_fields = ("target_id",)
    date_hierarchy = "at"
    show_full_result_count = False
