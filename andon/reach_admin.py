"""On-call, deputies, quiet periods and webhooks in Django admin, in the words of those who plan."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from andon.actions.webhooks import renew_secret
from andon.models import Delegation, OnCall, PersonalWay, QuietPeriod, WebhookTarget
from floor import audit
from floor.admin import History
from floor.models import User
from floor.models.shifts import DAYS_OF_THE_WEEK


def by(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


class Audited(admin.ModelAdmin):
    """Whoever changes who is told leaves a line in the audit log."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._record(request, obj, "changed" if change else "added")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._record(request, obj, "removed")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self._record(request, row, "removed")
        super().delete_queryset(request, queryset)

    def _record(self, request: HttpRequest, obj: Any, what: str) -> None:
        audit.record(by(request), f"andon.{obj._meta.model_name}_{what}", obj, timezone.now(), told=str(obj))


@admin.register(OnCall)
class OnCallAdmin(Audited):
    list_display = ("role", "person", "starts_at", "ends_at")
    list_filter = ("role",)
    date_hierarchy = "starts_at"


@admin.register(Delegation)
class DelegationAdmin(Audited):
    list_display = ("person", "deputy", "starts_at", "ends_at")
    date_hierarchy = "starts_at"


class QuietForm(forms.ModelForm):
    weekdays = forms.TypedMultipleChoiceField(
        coerce=int,
        choices=list(enumerate(DAYS_OF_THE_WEEK, 1)),
        initial=list(range(1, 8)),
        widget=forms.CheckboxSelectMultiple,
        help_text="Days on which it begins.",
    )

    class Meta:
        model = QuietPeriod
        fields = ("site", "line", "up_to", "weekdays", "starts_at", "ends_at", "enabled")


@admin.register(QuietPeriod)
class QuietPeriodAdmin(Audited):
    form = QuietForm
    list_display = ("site", "line", "up_to", "days", "starts_at", "ends_at", "enabled")
    list_filter = ("site", "line", "enabled")

    @admin.display(description="Days")
    def days(self, period: QuietPeriod) -> str:
        return period.days()


@admin.register(WebhookTarget)
class WebhookTargetAdmin(Audited):
    """Switched off rather than removed: messages name it. Whoever receives needs the secret to check the signature."""

    list_display = ("name", "url", "person", "least", "kinds", "sites", "enabled")
    list_filter = ("enabled",)
    fields = ("name", "url", "secret", "person", "kinds", "sites", "least", "enabled")
    readonly_fields = ("secret",)
    actions = ("make_new_secret",)

    @admin.action(description="Make a new secret", permissions=["change"])
    def make_new_secret(self, request: HttpRequest, targets: QuerySet[WebhookTarget]) -> None:
        for target in targets:
            renew_secret(target, by=by(request), now=timezone.now())
        messages.success(request, "New secrets hold from the next message on. Tell those who receive them.")


@admin.register(PersonalWay)
class PersonalWayAdmin(History):
    list_display = ("person", "position", "channel", "least")
