"""Kinds of call and escalation rules in Django admin. Who may open what stands in ms5/permissions.py."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from andon import machine_calls_admin, reach_admin  # noqa: F401  (register their own)
from andon.clock import database_now
from andon.models import Call, CallEvent, CallKind, EscalationRule, EscalationStep, MachineCallRule, Notification
from floor.admin import History


class KindForm(forms.ModelForm):
    class Meta:
        model = CallKind
        fields = ("code", "label", "hint", "responders", "priority", "suggests_work_order", "position", "enabled")

    def clean_enabled(self) -> bool:
        enabled = bool(self.cleaned_data["enabled"])
        rules = MachineCallRule.objects.in_force(database_now()).select_related("line", "equipment")
        in_use = [str(rule) for rule in rules if rule.enabled and rule.kind_id == self.instance.pk]
        if not enabled and in_use:
            more = f" and {len(in_use) - 3} more" if len(in_use) > 3 else ""
            raise ValidationError(f"Machines call for it; change these rules first: {'; '.join(in_use[:3])}{more}.")
        return enabled


@admin.register(CallKind)
class CallKindAdmin(admin.ModelAdmin):
    form = KindForm
    list_display = ("code", "label", "responders", "priority", "position", "enabled")


@admin.register(EscalationRule)
class EscalationRuleAdmin(admin.ModelAdmin):
    """A change is a new row from a date on: calls keep the rules by which they were raised."""

    list_display = ("priority", "clock", "level", "after_s", "recipients", "repeat_s", "enabled", "valid_from")
    list_filter = ("priority", "clock", "enabled")


class CallEvents(admin.TabularInline):
    model = CallEvent
    fields = ("at", "what", "by", "level", "text")
    readonly_fields = fields
    extra = 0
    can_delete = False


@admin.register(Call)
class CallAdmin(History):
    list_display = ("line", "equipment", "kind", "priority", "status", "level", "raised_at", "raised_by", "resolved_at")
    list_filter = ("status", "priority", "kind", "line")
    date_hierarchy = "raised_at"
    show_full_result_count = False
    inlines = (CallEvents,)


@admin.register(CallEvent)
class CallEventAdmin(History):
    list_display = ("call", "at", "what", "by", "level", "text")
    list_filter = ("what",)
    show_full_result_count = False


@admin.register(EscalationStep)
class EscalationStepAdmin(History):
    list_display = ("call", "clock", "level", "reminder", "due_at", "taken_at", "cancelled_at", "failures")
    list_filter = ("clock", "level")
    show_full_result_count = False


@admin.register(Notification)
class NotificationAdmin(History):
    list_display = ("call", "receiver", "channel", "created_at", "state", "sent_at", "read_at", "tries", "error")
    list_filter = ("channel",)
    list_select_related = ("call__line", "recipient", "target")
    show_full_result_count = False
