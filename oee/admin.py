"""Standards and stops in Django admin. Who may open what stands in ms5/permissions.py."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from floor.actions.standards import refuse_past
from floor.admin import History
from floor.models import Line, User
from floor.standards_admin import Dated, DatedForm, person
from oee.actions.reasons import add_reason, change_loss_class, crowded, reword_reason, take_back_loss_class
from oee.actions.standards import POLICY_FIELDS, change_policy, correct_policy, take_back_policy
from oee.models import DefectReason, LinePolicy, ReasonClass, Restatement, Stop, StopCoding, StopReason
from oee.models.reasons import LOSS_CLASS_CHOICES

CLASS_WORDS = dict(LOSS_CLASS_CHOICES)


class NewReasonForm(forms.ModelForm):
    loss_class = forms.ChoiceField(choices=LOSS_CLASS_CHOICES, help_text="What a stop with this reason is a loss of.")

    class Meta:
        model = StopReason
        fields = ("code", "label", "group", "position", "enabled")


@admin.register(StopReason)
class StopReasonAdmin(admin.ModelAdmin):
    """Codes stay for ever: the past refers to them."""

    list_display = ("code", "label", "group", "position", "enabled", "loss_class")
    list_filter = ("group", "enabled")
    ordering = ("position", "label")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StopReason]:
        return StopReason.objects.with_class(timezone.now())

    @admin.display(description="loss class in force")
    def loss_class(self, row: Any) -> str:
        return CLASS_WORDS.get(row.class_now, CLASS_WORDS["failure"])

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **(kwargs if change else {**kwargs, "form": NewReasonForm}))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*NewReasonForm.Meta.fields, "loss_class")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("code", "loss_class")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        now = timezone.now()
        if change:
            reword_reason(obj, by=person(request), now=now)
        else:
            add_reason(obj, form.cleaned_data["loss_class"], by=person(request), now=now)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        for sentence in crowded():
            messages.warning(request, sentence)
        return super().changelist_view(request, extra_context)


class ReasonClassForm(DatedForm):
    def refuse(self, values: dict[str, Any], cleaned: dict[str, Any]) -> None:
        refuse_past(None, cleaned.get("valid_from") or self.instance.valid_from, self.now)


@admin.register(ReasonClass)
class ReasonClassAdmin(Dated):
    form = ReasonClassForm
    key = ("reason",)
    value = ("loss_class",)
    list_display = ("reason", "loss_class", "valid_from", "change_link")
    list_filter = ("loss_class", "reason__group")
    list_select_related = ("reason",)
    ordering = ("reason__position", "-valid_from")

    def line_of(self, row: ReasonClass) -> Line | None:
        return None

    def begin(self, row: ReasonClass, by: User | None, now: datetime) -> ReasonClass:
        return change_loss_class(row.reason, row.loss_class, by=by, now=now, starts_at=row.valid_from)

    correct = begin

    def withdraw(self, row: ReasonClass, by: User | None, now: datetime) -> None:
        take_back_loss_class(row, by=by, now=now)


class LinePolicyForm(DatedForm):
    def refuse(self, values: dict[str, Any], cleaned: dict[str, Any]) -> None:
        line = cleaned.get("line") or self.instance.line
        refuse_past(line, cleaned.get("valid_from") or self.instance.valid_from, self.now)


@admin.register(DefectReason)
class DefectReasonAdmin(admin.ModelAdmin):
    list_display = ("code", "label", "sort", "position", "enabled")
    list_filter = ("sort", "enabled")


@admin.register(LinePolicy)
class LinePolicyAdmin(Dated):
    form = LinePolicyForm
    key = ("line",)
    value = POLICY_FIELDS
    list_display = ("line", "valid_from", "micro_stop_s", "slow_below", *POLICY_FIELDS[2:5], "change_link")
    list_filter = ("line",)
    list_select_related = ("line",)
    ordering = ("line", "-valid_from")

    def line_of(self, row: LinePolicy) -> Line | None:
        return row.line

    def begin(self, row: LinePolicy, by: User | None, now: datetime) -> LinePolicy:
        return change_policy(row.line, _rules(row), by=by, now=now, starts_at=row.valid_from)

    def correct(self, row: LinePolicy, by: User | None, now: datetime) -> LinePolicy:
        return correct_policy(row, _rules(row), by=by, now=now)

    def withdraw(self, row: LinePolicy, by: User | None, now: datetime) -> None:
        take_back_policy(row, by=by, now=now)


def _rules(row: LinePolicy) -> dict[str, Any]:
    return {name: getattr(row, name) for name in POLICY_FIELDS}


@admin.register(Restatement)
class RestatementAdmin(History):
    list_display = ("line", "starts_at", "ends_at", "reason", "author", "made_at")
    list_filter = ("line",)
    date_hierarchy = "starts_at"


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
