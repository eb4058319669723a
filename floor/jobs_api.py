"""Jobs over the API: plan one, start it, end it."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.actions import jobs
from floor.api import ProductRow
from floor.models import IdealCycle, Job, JobRun, Line, Product, User
from floor.models.plant import LONGEST_CYCLE_MS
from floor.rest import Asked, AskedList, PlantTime, Query, as_uuid, find_line, given, local
from floor.roles import Capability

MOST = 2_000_000_000
STATUSES = ("planned", "running", "ended")


class RunRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    started_at = PlantTime()
    ended_at = PlantTime(allow_null=True, help_text="null: it still runs.")
    started_by = serializers.CharField(allow_null=True)
    ended_by = serializers.CharField(allow_null=True)


class JobRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField()
    line = serializers.CharField()
    product = ProductRow()
    planned_quantity = serializers.IntegerField(help_text="Good units.")
    due_at = PlantTime(allow_null=True)
    ideal_cycle_s = serializers.FloatField(
        allow_null=True, help_text="Of its own, as it holds now; null: its product is judged as ever."
    )
    status = serializers.ChoiceField(choices=STATUSES, help_text="ended: it does not run now; it may be started again.")
    runs = RunRow(many=True, help_text="In time order; more than one when it was interrupted.")


class JobIn(serializers.Serializer[Any]):
    number = serializers.CharField(max_length=40)
    line = serializers.CharField(max_length=50, help_text="A line's code or id.")
    product = serializers.CharField(max_length=50, help_text="A product's code.")
    planned_quantity = serializers.IntegerField(min_value=1, max_value=MOST)
    due_at = PlantTime(required=False)
    ideal_cycle_s = serializers.FloatField(
        required=False, min_value=0.001, max_value=LONGEST_CYCLE_MS / 1000, help_text="An ideal cycle of its own."
    )
    request_id = serializers.UUIDField(required=False, help_text="Made by the sender; sent twice is stored once.")


class StartIn(serializers.Serializer[Any]):
    started_at = PlantTime(required=False, help_text="Without it: now.")
    request_id = serializers.UUIDField(required=False)


class EndIn(serializers.Serializer[Any]):
    ended_at = PlantTime(required=False, help_text="Without it: now.")


class ReasonIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, help_text="Why it was otherwise.")


class CorrectionIn(ReasonIn):
    job = serializers.CharField(required=False, max_length=50, help_text="The job that really ran, by id or number.")
    started_at = PlantTime(required=False)
    ended_at = PlantTime(required=False, allow_null=True, help_text="null: it still runs.")


class RunIn(ReasonIn):
    job = serializers.CharField(max_length=50, help_text="The job that ran, by id or number.")
    started_at = PlantTime()
    ended_at = PlantTime(allow_null=True, help_text="null: it still runs.")


class JobQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code.")
    status = serializers.ChoiceField(choices=STATUSES, required=False)


def jobs_told() -> QuerySet[Job]:
    """With everything that a row prints."""
    runs = JobRun.objects.select_related("started_by", "ended_by").order_by("started_at")
    cycles = IdealCycle.objects.in_force(timezone.now())
    told = Job.objects.select_related("line__site", "product")
    return told.prefetch_related(Prefetch("runs", runs), Prefetch("ideal_cycles", cycles, to_attr="cycles_now"))


def find_job(key: str) -> Job:
    """A job by its id or by its number; 404 if there is none."""
    key_id: UUID | None = as_uuid(key)
    found = jobs_told().filter(number=key).first() if key.isprintable() else None
    found = found or (jobs_told().filter(pk=key_id).first() if key_id else None)
    if found is None:
        raise Http404("There is no such job.")
    return found


def job_row(job: Job) -> dict[str, Any]:
    runs, cycles = list(job.runs.all()), job.cycles_now  # type: ignore[attr-defined]
    return {
        "id": job.pk,
        "number": job.number,
        "line": job.line.code,
        "product": job.product,
        "planned_quantity": job.planned_quantity,
        "due_at": local(job.due_at, job.line.site.zone),
        "ideal_cycle_s": cycles[0].ideal_cycle_ms / 1000 if cycles else None,
        "status": _status(runs),
        "runs": [_run_row(run, job.line) for run in runs],
    }


def _status(runs: list[JobRun]) -> str:
    if not runs:
        return "planned"
    return "running" if runs[-1].ended_at is None else "ended"


def _run_row(run: JobRun, line: Line) -> dict[str, Any]:
    return {
        "id": run.pk,
        "started_at": local(run.started_at, line.site.zone),
        "ended_at": local(run.ended_at, line.site.zone),
        "started_by": None if run.started_by is None else str(run.started_by),
        "ended_by": None if run.ended_by is None else str(run.ended_by),
    }


class Jobs(AskedList):
    """Jobs, the newest first."""

    capability = {"GET": Capability.VIEW_FLOOR, "POST": Capability.ASSIGN_JOBS}
    serializer_class = JobRow
    query = JobQuery

    @extend_schema(operation_id="jobs", parameters=[JobQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="create_job", request=JobIn, responses={201: JobRow})
    def post(self, request: Request) -> Response:
        """Plan a job."""
        words = given(JobIn, request)
        cycle_s = words.get("ideal_cycle_s")
        job = jobs.create_job(
            _line(words["line"]),
            words["number"],
            _product(words["product"]),
            words["planned_quantity"],
            by=cast(User, request.user),
            now=timezone.now(),
            due_at=words.get("due_at"),
            ideal_cycle_ms=None if cycle_s is None else round(cycle_s * 1000),
            request_id=words.get("request_id"),
        )
        return self.answer(job_row(find_job(str(job.pk))), 201)

    def get_queryset(self) -> QuerySet[Job]:
        found = jobs_told().order_by("-created_at", "-pk")
        if "line" in self.asked:
            found = found.filter(line=find_line(self.asked["line"]))
        started, running = JobRun.objects.values("job"), JobRun.objects.open().values("job")
        match self.asked.get("status"):
            case "planned":
                return found.exclude(pk__in=started)
            case "running":
                return found.filter(pk__in=running)
            case "ended":
                return found.filter(pk__in=started).exclude(pk__in=running)
        return found

    def rows(self, page: list[Job]) -> list[dict[str, Any]]:
        return [job_row(job) for job in page]


def _line(code: str) -> Line:
    try:
        return find_line(code)
    except Http404 as error:
        raise ValidationError({"line": [str(error)]}) from error


def _product(code: str) -> Product:
    found = Product.objects.filter(code=code).first() if code.isprintable() else None
    if found is None:
        raise ValidationError({"product": [f"There is no product {code}."]})
    return found


class OneJob(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = JobRow

    @extend_schema(operation_id="job")
    def get(self, request: Request, job: str) -> Response:
        """One job and when it ran, by id or number."""
        return self.answer(job_row(find_job(job)))


class StartJob(Asked):
    capability = Capability.WORK_JOBS
    serializer_class = JobRow

    @extend_schema(operation_id="start_job", request=StartIn, responses=JobRow)
    def post(self, request: Request, job: str) -> Response:
        """The job runs on its line from now, or from `started_at`, on; the one before it ends at that moment."""
        found, words = find_job(job), given(StartIn, request)
        jobs.start_job(found, **_said(request), started_at=words.get("started_at"), request_id=words.get("request_id"))
        return self.answer(job_row(find_job(str(found.pk))))


class EndJob(Asked):
    capability = Capability.WORK_JOBS
    serializer_class = JobRow

    @extend_schema(operation_id="end_job", request=EndIn, responses=JobRow)
    def post(self, request: Request, job: str) -> Response:
        """The job does not run any more."""
        found, words = find_job(job), given(EndIn, request)
        ended_at: datetime | None = words.get("ended_at")
        jobs.end_job(found, **_said(request), ended_at=ended_at)
        return self.answer(job_row(find_job(str(found.pk))))


class AddRun(Asked):
    capability = Capability.ASSIGN_JOBS
    serializer_class = JobRow

    @extend_schema(operation_id="add_job_run", request=RunIn, responses={201: JobRow})
    def post(self, request: Request) -> Response:
        """A job ran and nobody said so."""
        words = given(RunIn, request)
        job = _body_job(words.pop("job"))
        jobs.add_run(job, **words, **_said(request))
        return self.answer(job_row(find_job(str(job.pk))), 201)


class CorrectRun(Asked):
    capability = Capability.ASSIGN_JOBS
    serializer_class = JobRow

    @extend_schema(operation_id="correct_job_run", request=CorrectionIn, responses=JobRow)
    def post(self, request: Request, run: int) -> Response:
        """It was another job that ran, or at another time; what is left out stays as it is."""
        found, words = _run(run), given(CorrectionIn, request)
        jobs.correct_run(
            found,
            **_said(request),
            job=_body_job(words["job"]) if "job" in words else found.job,
            started_at=words.get("started_at", found.started_at),
            ended_at=words.get("ended_at", found.ended_at),
            reason=words["reason"],
        )
        return self.answer(job_row(find_job(str(_run(run).job_id))))


class TakeBackRun(Asked):
    capability = Capability.ASSIGN_JOBS
    serializer_class = JobRow

    @extend_schema(operation_id="take_back_job_run", request=ReasonIn, responses=JobRow)
    def post(self, request: Request, run: int) -> Response:
        """The job never ran then; the one that its start had ended went on instead."""
        found = _run(run)
        jobs.take_back_run(found, **_said(request), reason=given(ReasonIn, request)["reason"])
        return self.answer(job_row(find_job(str(found.job_id))))


def _run(key: int) -> JobRun:
    found = JobRun.objects.select_related("job__line__site", "line").filter(pk=key).first()
    if found is None:
        raise Http404("There is no such run of a job.")
    return found


def _body_job(key: str) -> Job:
    try:
        return find_job(key)
    except Http404 as error:
        raise ValidationError({"job": [str(error)]}) from error


def _said(request: Request) -> dict[str, Any]:
    return {"by": cast(User, request.user), "now": timezone.now()}
