"""Shifts, rotations and special days in Django admin. Every change goes through floor/actions/calendar.py."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta, tzinfo
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminDateWidget
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from floor.actions.calendar import (
    CalendarRefused,
    Plan,
    Span,
    add_plan,
    add_special_day,
    change_plan,
    change_special_day,
    end_plan,
    is_kept,
    remove_plan,
    remove_special_day,
)
from floor.domain.rotations import read_breaks, write_breaks
from floor.domain.shifts import BadCalendar, Break
from floor.models import LineState, Rotation, ShiftPattern, SpecialDay, User
from floor.models.shifts import ALWAYS, DAYS_OF_THE_WEEK

FIXED = ("site", "line", "valid_from")


def tomorrow(zone: tzinfo | None = None) -> date:
    return timezone.localdate(timezone=zone) + timedelta(days=1)


def by(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


class Rehearsed(forms.ModelForm):
    """Tries the action and takes it back, so that whatever it refuses stands on the form as a sentence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The rehearsal gives the instance another id.
        self.is_new, self.row_id = self.instance._state.adding, self.instance.pk

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            self._rehearse()

    def _rehearse(self) -> None:
        try:
            with transaction.atomic():
                self.act(None)
                transaction.set_rollback(True)
        except CalendarRefused as refused:
            self.add_error(None, str(refused))

    def act(self, user: User | None) -> list[Span]:
        raise NotImplementedError


class PlanForm(Rehearsed):
    """A plan that is in force is not rewritten: the row says what it did, and the change is a row from a day on."""

    from_day = forms.DateField(
        required=False,
        label="Changes hold from",
        widget=AdminDateWidget,
        help_text="Until then the shifts stay as they were, and so does everything that was judged by them.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_new:
            del self.fields["from_day"]
            return
        self.initial["from_day"] = self._usual_start()
        for name in FIXED:
            self.fields[name].disabled = True

    def _usual_start(self) -> date:
        """Nobody was judged by a plan that is still ahead: it changes as a whole."""
        plan = self.instance
        return tomorrow(plan.site.zone) if is_kept(plan, timezone.now()) else plan.valid_from

    def clean_from_day(self) -> date:
        given: date | None = self.cleaned_data["from_day"]
        return given or self._usual_start()

    def breaks(self) -> Sequence[Break]:
        return ()

    def act(self, user: User | None) -> list[Span]:
        wanted, now = self.instance, timezone.now()
        if self.is_new:
            return add_plan(wanted, breaks=self.breaks(), by=user, now=now)
        changed = set(self.changed_data) - {"from_day"}
        before: Plan = type(wanted)._default_manager.select_related("site", "line__site").get(pk=self.row_id)
        if changed == {"valid_to"}:
            return end_plan(before, on=wanted.valid_to, by=user, now=now)
        if not changed:
            return []
        day = self.cleaned_data["from_day"]
        return change_plan(before, wanted, from_day=day, breaks=self.breaks(), by=user, now=now)


class PatternForm(PlanForm):
    weekdays = forms.TypedMultipleChoiceField(
        coerce=int,
        choices=list(enumerate(DAYS_OF_THE_WEEK, 1)),
        initial=list(range(1, 8)),
        widget=forms.CheckboxSelectMultiple,
        help_text="Days on which the shift starts.",
    )
    breaks_text = forms.CharField(
        required=False, label="Breaks", max_length=400, help_text="Such as 09:30–10:00 Tea, 13:00–13:30."
    )

    class Meta:
        model = ShiftPattern
        fields = ("site", "line", "name", "weekdays", "starts_at", "ends_at", "valid_from", "valid_to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_new:
            self.initial["breaks_text"] = write_breaks(self.instance.break_values())

    def clean_breaks_text(self) -> str:
        try:
            read_breaks(self.cleaned_data["breaks_text"])
        except BadCalendar as error:
            raise forms.ValidationError(str(error)) from error
        return str(self.cleaned_data["breaks_text"])

    def breaks(self) -> Sequence[Break]:
        return read_breaks(self.cleaned_data["breaks_text"])


class RotationForm(PlanForm):
    class Meta:
        model = Rotation
        fields = (
            "site", "line", "name", "shifts", "sequence", "first_day", "teams", "valid_from", "valid_to",
        )  # fmt: skip
        widgets = {"teams": forms.TextInput(attrs={"size": 60})}


class SpecialDayForm(Rehearsed):
    last_day = forms.DateField(required=False, widget=AdminDateWidget, help_text="Included. Empty: the first day only.")

    class Meta:
        model = SpecialDay
        fields = ("site", "line", "kind", "first_day", "last_day", "shift", "starts_at", "ends_at", "note")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["last_day"] = cleaned.get("last_day") or cleaned.get("first_day")
        return cleaned

    def act(self, user: User | None) -> list[Span]:
        act = add_special_day if self.is_new else change_special_day
        return act(self.instance, by=user, now=timezone.now())


class Acting(admin.ModelAdmin):
    """Writes through actions, and tells what has to be accounted for again."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """No deletion by the dozen: each is judged on its own."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.tell(request, form.act(by(request)))

    def tell(self, request: HttpRequest, spans: Sequence[Span]) -> None:
        for span in spans:
            zone = span.line.site.zone
            since, until = (f"{at.astimezone(zone):%d %b %H:%M}" for at in (span.since, span.until))
            messages.info(request, f"{span.line}: planned otherwise from {since} to {until}.")


class PlanAdmin(Acting):
    list_filter = ("site", "line")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        start = tomorrow() if LineState.objects.exists() else ALWAYS
        return {"valid_from": start, **super().get_changeform_initial_data(request)}

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What lines were judged by stays; it can be ended."""
        if isinstance(obj, ShiftPattern | Rotation) and is_kept(obj, timezone.now()):
            return False
        return super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        _told(request, lambda: self.tell(request, remove_plan(obj, by=by(request), now=timezone.now())))


def _told(request: HttpRequest, act: Callable[[], None]) -> None:
    try:
        act()
    except CalendarRefused as refused:
        messages.error(request, str(refused))


@admin.register(ShiftPattern)
class ShiftPatternAdmin(PlanAdmin):
    form = PatternForm
    list_display = ("name", "site", "line", "days", "starts_at", "ends_at", "valid_from", "valid_to")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        fields = ["site", "line", "name", "weekdays", "starts_at", "ends_at", "breaks_text", "valid_from", "valid_to"]
        return fields if obj is None else [*fields, "from_day"]

    @admin.display(description="Days")
    def days(self, pattern: ShiftPattern) -> str:
        return " ".join(DAYS_OF_THE_WEEK[day - 1] for day in sorted(pattern.weekdays))


@admin.register(Rotation)
class RotationAdmin(PlanAdmin):
    form = RotationForm
    list_display = ("name", "site", "line", "teams", "cycle", "hours", "valid_from", "valid_to")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        fields = ["site", "line", "name", "shifts", "sequence", "first_day", "teams", "valid_from", "valid_to"]
        return fields if obj is None else [*fields, "from_day"]

    @admin.display(description="Days in the cycle")
    def cycle(self, rotation: Rotation) -> int:
        return rotation.value().cycle_days

    @admin.display(description="Hours per week and team")
    def hours(self, rotation: Rotation) -> str:
        return f"{rotation.value().hours_per_week:.4g}"


@admin.register(SpecialDay)
class SpecialDayAdmin(Acting):
    form = SpecialDayForm
    list_display = ("first_day", "last_day", "site", "line", "kind", "shift", "starts_at", "ends_at", "note")
    list_filter = ("site", "line", "kind")
    date_hierarchy = "first_day"

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpecialDay]:
        return super().get_queryset(request).select_related("site", "line__site")

    def delete_model(self, request: HttpRequest, obj: SpecialDay) -> None:
        _told(request, lambda: self.tell(request, remove_special_day(obj, by=by(request), now=timezone.now())))
