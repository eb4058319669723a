"""Jobs in Django admin. Every change goes through floor/actions/jobs.py."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from floor.actions.jobs import (
    FIXED_ONCE_STARTED,
    JobRefused,
    add_run,
    change_job,
    correct_run,
    create_job,
    remove_job,
    set_job_cycle,
    take_back_run,
)
from floor.actions.standards import ImpossibleStandard
from floor.models import Job, JobRun, User

FIELDS = ("number", "line", "product", "planned_quantity", "due_at")


class TriedForm(forms.ModelForm):
    """Tries the action and takes it back, so that whatever it refuses stands on the form as a sentence."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                with transaction.atomic():
                    self.act(None)
                    transaction.set_rollback(True)
            except (JobRefused, ImpossibleStandard) as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return cleaned

    def act(self, user: User | None) -> Model:
        """What saving does; raises what it refuses."""
        raise NotImplementedError


class JobForm(TriedForm):
    ideal_cycle_ms = forms.IntegerField(
        required=False,
        label="Ideal cycle of its own, ms",
        help_text="Empty: as its product is judged ever. Of a job that has run it holds from now on.",
    )

    def validate_unique(self) -> None:
        """The action says on which line a number is there already."""

    def act(self, user: User | None) -> Job:
        cleaned, now = self.cleaned_data, timezone.now()
        values = {name: cleaned[name] for name in FIELDS if name in cleaned}
        if self.instance._state.adding:
            return create_job(**values, ideal_cycle_ms=cleaned.get("ideal_cycle_ms"), by=user, now=now)
        job = change_job(self.instance, by=user, now=now, **values)
        if cleaned.get("ideal_cycle_ms") is not None:
            set_job_cycle(job, cleaned["ideal_cycle_ms"], by=user, now=now)
        return job


class RunInline(admin.TabularInline):
    model = JobRun
    extra = 0
    fields = readonly_fields = ("started_at", "started_by", "ended_at", "ended_by")
    ordering = ("started_at",)
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RunForm(TriedForm):
    never_ran = forms.BooleanField(
        required=False, help_text="Take it back: the job that its start had ended went on instead."
    )
    reason = forms.CharField(max_length=500, label="Why it was otherwise")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "ended_at" in self.fields:  # not on the page of somebody who may only look
            self.fields["ended_at"].required = False

    def _post_clean(self) -> None:
        """The row stays as it is; the action locks and changes it."""

    def act(self, user: User | None) -> JobRun:
        cleaned, said = self.cleaned_data, {"reason": self.cleaned_data["reason"], "by": user, "now": timezone.now()}
        ran = {name: cleaned[name] for name in ("job", "started_at", "ended_at")}
        run: JobRun = self.instance
        if run._state.adding:
            return add_run(**ran, **said)
        if cleaned["never_ran"]:
            take_back_run(run, **said)
            return run
        return correct_run(run, **ran, **said)


@admin.register(JobRun)
class RunAdmin(admin.ModelAdmin):
    """Which job really ran, and when. Runs begin and end on the floor; here they are put right."""

    form = RunForm
    fields = ("job", "started_at", "ended_at", "never_ran", "reason")
    list_display = ("job", "line", "started_at", "started_by", "ended_at", "ended_by")
    list_filter = ("line",)
    list_select_related = ("job", "line", "started_by", "ended_by")
    search_fields = ("job__number",)
    ordering = ("-started_at",)
    autocomplete_fields = ("job",)

    def save_model(self, request: HttpRequest, obj: JobRun, form: Any, change: bool) -> None:
        run = form.act(request.user if isinstance(request.user, User) else None)
        obj.pk, obj.job = run.pk, run.job


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    form = JobForm
    fields = (*FIELDS, "ideal_cycle_ms")
    list_display = ("number", "line", "product", "planned_quantity", "due_at", "created_at")
    list_filter = ("line", "product")
    list_select_related = ("line", "product")
    search_fields = ("number",)
    ordering = ("-created_at",)
    inlines = (RunInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return FIXED_ONCE_STARTED if isinstance(obj, Job) and obj.runs.exists() else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_open = not isinstance(obj, Job) or not obj.runs.exists()
        return is_open and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Jobs are taken back one by one, where it is seen whether they ran."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def save_model(self, request: HttpRequest, obj: Job, form: Any, change: bool) -> None:
        obj.pk = form.act(request.user if isinstance(request.user, User) else None).pk

    def delete_model(self, request: HttpRequest, obj: Job) -> None:
        remove_job(obj, by=request.user if isinstance(request.user, User) else None, now=timezone.now())
