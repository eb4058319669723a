"""Standards with a date in Django admin: those that judged something are read, and changed from a moment on."""

from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms.models import model_to_dict
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from floor.actions.standards import (
    ImpossibleStandard,
    PastIsJudged,
    Scope,
    change_ideal_cycle,
    correct_ideal_cycle,
    is_in_force,
    refuse_impossible,
    refuse_judged,
    scope_of,
    take_back_ideal_cycle,
)
from floor.models import IdealCycle, Line, User


def person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


class DatedForm(forms.ModelForm):
    """A new standard from a moment on, or the values of one that judged nothing yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = timezone.now()
        if "valid_from" in self.fields:
            field = self.fields["valid_from"]
            field.required = False
            field.help_text = f"Empty: from now on. In UTC. {field.help_text}"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "valid_from" in self.fields and "valid_from" not in self.errors:
            cleaned["valid_from"] = cleaned.get("valid_from") or self.now
        if not self.errors:
            try:
                self.refuse({**model_to_dict(self.instance), **cleaned}, cleaned)
            except (PastIsJudged, ImpossibleStandard) as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return cleaned

    def refuse(self, values: dict[str, Any], cleaned: dict[str, Any]) -> None:
        """Raise what the action would raise."""

    def validate_unique(self) -> None:
        """The action ends what held before, so that nothing holds twice."""

    def validate_constraints(self) -> None:
        """As above; the rules of single values are those of the fields."""


class Dated(admin.ModelAdmin):
    """Rows of one standard follow each other in time. A row that judged something cannot be edited in place."""

    form = DatedForm
    key: ClassVar[tuple[str, ...]] = ()  # what the standard is for
    value: ClassVar[tuple[str, ...]] = ()  # what it says
    actions = ("take_back",)

    def line_of(self, row: Any) -> Line | None:
        """None: the standard concerns every line."""
        raise NotImplementedError

    def begin(self, row: Any, by: User | None, now: datetime) -> Any:
        raise NotImplementedError

    def correct(self, row: Any, by: User | None, now: datetime) -> Any:
        raise NotImplementedError

    def withdraw(self, row: Any, by: User | None, now: datetime) -> None:
        raise NotImplementedError

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return (*self.key, *self.value, "valid_from")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else (*self.key, "valid_from")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_open = obj is None or not self.is_judged(obj)
        return is_open and super().has_change_permission(request, obj)

    def is_judged(self, row: Any) -> bool:
        return is_in_force(self.line_of(row), row.valid_from, timezone.now())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        write = self.correct if change else self.begin
        obj.pk = write(obj, person(request), form.now).pk

    @admin.display(description="change")
    def change_link(self, row: Any) -> SafeString:
        """A new row that begins with the values of this one."""
        meta = row._meta
        values = {
            name: value for name, value in model_to_dict(row, [*self.key, *self.value]).items() if value is not None
        }
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_add")
        return format_html('<a href="{}?{}">Change from a moment on</a>', address, urlencode(_for_address(values)))

    @admin.action(description="Take back those that have not begun", permissions=["add"])
    def take_back(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        now = timezone.now()
        for row in rows:
            try:
                self.withdraw(row, person(request), now)
            except PastIsJudged as refusal:
                messages.error(request, f"{row}: {refusal}")
            else:
                messages.success(request, f"{row} was taken back.")


def _for_address(values: dict[str, Any]) -> dict[str, Any]:
    """As a form of admin reads its first values: a box that is not ticked is empty."""
    return {name: "" if value is False else value for name, value in values.items()}


class IdealCycleForm(DatedForm):
    def refuse(self, values: dict[str, Any], cleaned: dict[str, Any]) -> None:
        scope = scope_of(self.instance) if self.instance.valid_from else _scope(cleaned)
        refuse_impossible(scope, values["ideal_cycle_ms"])
        refuse_judged(scope, cleaned.get("valid_from") or self.instance.valid_from, self.now)


def _scope(cleaned: dict[str, Any]) -> Scope:
    return Scope(cleaned.get("line"), cleaned.get("equipment"), cleaned.get("product"), cleaned.get("job"))


@admin.register(IdealCycle)
class IdealCycleAdmin(Dated):
    form = IdealCycleForm
    key = ("line", "equipment", "product", "job")
    value = ("ideal_cycle_ms",)
    list_display = ("scope", "ideal_cycle_ms", "valid_from", "valid_to", "change_link")
    list_filter = ("line", "equipment__line", "product")
    list_select_related = ("line", "equipment__line", "product", "job__line")
    autocomplete_fields = ("job",)
    ordering = ("equipment", "line", "product", "-valid_from")

    @admin.display(description="holds for")
    def scope(self, row: IdealCycle) -> str:
        return str(scope_of(row))

    def line_of(self, row: IdealCycle) -> Line | None:
        return scope_of(row).its_line

    def is_judged(self, row: IdealCycle) -> bool:
        return not scope_of(row).judges_nothing and super().is_judged(row)

    def begin(self, row: IdealCycle, by: User | None, now: datetime) -> IdealCycle:
        return change_ideal_cycle(scope_of(row), row.ideal_cycle_ms, by=by, now=now, starts_at=row.valid_from)

    def correct(self, row: IdealCycle, by: User | None, now: datetime) -> IdealCycle:
        return correct_ideal_cycle(row, row.ideal_cycle_ms, by=by, now=now)

    def withdraw(self, row: IdealCycle, by: User | None, now: datetime) -> None:
        take_back_ideal_cycle(row, by=by, now=now)
