"""Jobs: planned, started and ended. One runs on a line at a time, so a start ends the one before at the same moment.

Start and end may lie back, as when somebody forgot to tap; the line's facts count as changed since then, and whoever
derives figures from them does the touched hours again. Figures know whole minutes: a job counts from the beginning of
the minute in which it was started.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from floor import audit, live
from floor.actions.machine import raise_versions
from floor.actions.once import once
from floor.actions.retention import detail_horizon
from floor.actions.standards import ALWAYS, Scope, change_ideal_cycle, has_facts
from floor.models import IdealCycle, Job, JobRun, Line, Product, User
from floor.models.shifts import calendar
from floor.roles import Capability, can

TOPICS = ("job", "pace", "rate", "oee")
FIXED_ONCE_STARTED = ("number", "line", "product")


class JobRefused(Exception):
    """Nothing was changed; the message says why."""


class ImpossibleJob(JobRefused):
    """What is to be made, how many, or where cannot be meant."""


class ImpossibleJobTime(JobRefused):
    """In the future, in the time of another job, or the end before the start."""


class JobElsewhere(JobRefused):
    """The job is not where it would have to be: running already, ended already, known on another line."""


class JobTooOld(JobRefused):
    """The shift in which it was is closed, and this person may not reopen it."""


# ---------------------------------------------------------------- planning


def create_job(
    line: Line,
    number: str,
    product: Product,
    planned_quantity: int,
    *,
    by: User | None,
    now: datetime,
    due_at: datetime | None = None,
    ideal_cycle_ms: int | None = None,
    request_id: UUID | None = None,
) -> Job:
    """Plan a job. `ideal_cycle_ms` None: its product is judged as ever. Raises JobRefused, ImpossibleStandard."""
    request_id = request_id or uuid4()

    def write() -> Job:
        _refuse_impossible(line, number, product, planned_quantity)
        job = _insert(line, number.strip(), product, planned_quantity, due_at, by, now, request_id)
        audit.record(
            by, "job.create", job, now, job=job.number, line=line.code, product=product.code,
            planned_quantity=planned_quantity, due_at=_iso(due_at),
        )  # fmt: skip
        if ideal_cycle_ms is not None:
            set_job_cycle(job, ideal_cycle_ms, by=by, now=now)
        live.changed(line.id, "job")
        return job

    return once(Job, request_id, write)


def _insert(
    line: Line,
    number: str,
    product: Product,
    quantity: int,
    due_at: datetime | None,
    by: User | None,
    now: datetime,
    request_id: UUID,
) -> Job:
    values = {
        "line": line, "product": product, "planned_quantity": quantity, "due_at": due_at,
        "created_at": now, "created_by": by, "request_id": request_id,
    }  # fmt: skip
    job, is_new = Job.objects.get_or_create(number=number, defaults=values)
    if not is_new and job.request_id != request_id:
        raise JobElsewhere(f"Job {number} is there already, on {job.line}.")
    return job


def _refuse_impossible(line: Line, number: str, product: Product, planned_quantity: int) -> None:
    if not number.strip():
        raise ImpossibleJob("A job has a number.")
    if planned_quantity < 1:
        raise ImpossibleJob("Plan at least one unit.")
    if not product.enabled:
        raise ImpossibleJob(f"{product} is not made any more.")
    if not line.enabled:
        raise ImpossibleJob(f"{line} is switched off.")


@transaction.atomic
def change_job(job: Job, *, by: User | None, now: datetime, **values: Any) -> Job:
    """Other words, quantity or due time; line, number and product only while it was never started."""
    before = Job.objects.select_for_update().select_related("line", "product").get(pk=job.pk)
    changed = {name: value for name, value in values.items() if getattr(before, name) != value}
    if before.runs.exists() and (fixed := [name for name in FIXED_ONCE_STARTED if name in changed]):
        raise ImpossibleJob(f"Job {before.number} has been started; its {fixed[0]} stays what it was.")
    told = {name: [str(getattr(before, name)), str(value)] for name, value in changed.items()}
    for name, value in changed.items():
        setattr(before, name, value)
    _refuse_impossible(before.line, before.number, before.product, before.planned_quantity)
    other = Job.objects.filter(number=before.number).exclude(pk=before.pk).first()
    if other is not None:
        raise JobElsewhere(f"Job {other.number} is there already, on {other.line}.")
    before.save()
    audit.record(by, "job.change", before, now, job=before.number, line=before.line.code, changed=told)
    live.changed(before.line_id, "job")
    return before


@transaction.atomic
def remove_job(job: Job, *, by: User | None, now: datetime) -> None:
    """Take back a job that was never started."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if locked.runs.exists():
        raise JobElsewhere(f"Job {job.number} has been started; what it made belongs to the past.")
    audit.record(by, "job.remove", locked, now, job=job.number, line=job.line.code)
    live.changed(locked.line_id, "job")
    locked.delete()


def set_job_cycle(job: Job, ideal_cycle_ms: int, *, by: User | None, now: datetime) -> None:
    """An ideal cycle of the job's own; once it has run, from now on only. Raises ImpossibleStandard."""
    starts_at = None if job.runs.exists() else ALWAYS
    change_ideal_cycle(Scope(job=job), ideal_cycle_ms, by=by, now=now, starts_at=starts_at)


# ---------------------------------------------------------------- running


def start_job(
    job: Job, *, by: User | None, now: datetime, started_at: datetime | None = None, request_id: UUID | None = None
) -> JobRun:
    """The job (with its line and site loaded) runs from `started_at` (None: now) on; the one before ends then.

    One that was interrupted goes on. Raises JobRefused.
    """
    start, request_id = started_at or now, request_id or uuid4()

    def write() -> JobRun:
        _lock(job.line)
        _refuse_time(job, start, by, now, "started")
        _refuse_running(job, start)
        before = JobRun.objects.open().filter(line=job.line).select_related("job").first()
        if before is not None:
            _close(before, start, by, now)
        run = JobRun.objects.create(job=job, line=job.line, started_at=start, started_by=by, request_id=request_id)
        audit.record(by, "job.start", job, now, job=job.number, line=job.line.code, started_at=start.isoformat())
        _tell(job.line, start)
        return run

    return once(JobRun, request_id, write)


@transaction.atomic
def import_jobs(runs: Sequence[JobRun], cycles: Sequence[IdealCycle] = ()) -> None:
    """Take over what ran elsewhere or before, with its jobs and their own ideal cycles.

    The caller has these lines derived afterwards.
    """
    Job.objects.bulk_create({run.job_id: run.job for run in runs}.values())
    JobRun.objects.bulk_create(runs)
    IdealCycle.objects.bulk_create(cycles)


def _refuse_running(job: Job, start: datetime) -> None:
    """Only the run that is open and began before may reach across `start`; it ends there."""
    later = JobRun.objects.touching(start, None).filter(line=job.line).select_related("job").order_by("-started_at")
    for run in later:
        if run.ended_at is None and run.job_id == job.pk:
            raise JobElsewhere(f"Job {job.number} has been running since {_clock(job.line, run.started_at)}.")
        if run.ended_at is not None or run.started_at >= start:
            raise ImpossibleJobTime(f"Job {run.job.number} ran {_span(job.line, run)}. Choose a later start.")


@transaction.atomic
def end_job(job: Job, *, by: User | None, now: datetime, ended_at: datetime | None = None) -> JobRun:
    """The job (with its line and site loaded) runs until `ended_at` (None: now). Raises JobRefused."""
    end = ended_at or now
    _lock(job.line)
    run = job.runs.order_by("-started_at").select_related("ended_by", "job").first()
    if run is None:
        raise JobElsewhere(f"Job {job.number} has not been started.")
    if run.ended_at is not None:
        who = f"{run.ended_by} ended" if run.ended_by else "Nobody runs"
        raise JobElsewhere(f"{who} job {job.number} at {_clock(job.line, run.ended_at)} already.")
    _refuse_time(job, end, by, now, "ended")
    if end <= run.started_at:
        raise ImpossibleJobTime(
            f"Job {job.number} was started at {_clock(job.line, run.started_at)}; its end must be later."
        )
    _close(run, end, by, now)
    _tell(job.line, end)
    return run


def _close(run: JobRun, end: datetime, by: User | None, now: datetime) -> None:
    run.ended_at, run.ended_by = end, by
    run.save(update_fields=["ended_at", "ended_by"])
    audit.record(by, "job.end", run.job, now, job=run.job.number, ended_at=end.isoformat())


# ---------------------------------------------------------------- it was otherwise


@transaction.atomic
def add_run(
    job: Job, *, started_at: datetime, ended_at: datetime | None, reason: str, by: User | None, now: datetime
) -> JobRun:
    """The job (with its line and site loaded) ran on [started_at, ended_at) and nobody said so. Raises JobRefused."""
    _lock(job.line)
    _refuse_wordless(reason)
    _refuse_span(job, started_at, ended_at, by, now)
    run = JobRun(job=job, line=job.line, started_at=started_at, ended_at=ended_at, started_by=by)
    run.ended_by = None if ended_at is None else by
    _refuse_others(run, None)
    run.save()
    audit.record(by, "job.add_run", run, now, line=run.line.code, after=_told(run), reason=reason.strip())
    _tell(run.line, started_at)
    return run


@transaction.atomic
def correct_run(
    run: JobRun,
    *,
    job: Job,
    started_at: datetime,
    ended_at: datetime | None,
    reason: str,
    by: User | None,
    now: datetime,
) -> JobRun:
    """It was this job (with its line and site loaded) that ran, on [started_at, ended_at); None: it still runs.

    The run that its start had ended follows its new start. Raises JobRefused.
    """
    run = _locked(run, job.line, reason)
    if job.line_id != run.line_id:
        raise JobElsewhere(f"Job {job.number} is planned on {job.line}.")
    _refuse_time(job, run.started_at, by, now, "started")
    _refuse_span(job, started_at, ended_at, by, now)
    before, told, since = _before(run), _told(run), min(run.started_at, started_at)
    run.job, run.started_at, run.ended_at = job, started_at, ended_at
    _refuse_others(run, before)
    if before is not None:
        _move(before, None)
    run.save(update_fields=["job", "started_at", "ended_at"])
    if before is not None:
        _move(before, started_at)
    audit.record(by, "job.correct", run, now, line=run.line.code, before=told, after=_told(run), reason=reason.strip())
    _tell(run.line, since)
    return run


@transaction.atomic
def take_back_run(run: JobRun, *, reason: str, by: User | None, now: datetime) -> None:
    """The job never ran then; the one that its start had ended went on instead. Raises JobRefused."""
    run = _locked(run, run.line, reason)
    _refuse_time(run.job, run.started_at, by, now, "started")
    before = _before(run)
    audit.record(by, "job.take_back", run, now, line=run.line.code, before=_told(run), reason=reason.strip())
    run.delete()
    if before is not None:
        before.ended_at = run.ended_at
        before.save(update_fields=["ended_at"])
    _tell(run.line, run.started_at)


def _locked(run: JobRun, line: Line, reason: str) -> JobRun:
    _refuse_wordless(reason)
    _lock(line)
    found = JobRun.objects.select_related("job__line__site", "line__site").filter(pk=run.pk).first()
    if found is None:
        raise JobElsewhere("This run was taken back already.")
    return found


def _refuse_wordless(reason: str) -> None:
    if not reason.strip():
        raise ImpossibleJob("Say why it was otherwise; everybody who looks back will ask.")


def _refuse_span(job: Job, start: datetime, end: datetime | None, by: User | None, now: datetime) -> None:
    _refuse_time(job, start, by, now, "started")
    if end is None:
        return
    _refuse_time(job, end, by, now, "ended")
    if end <= start:
        raise ImpossibleJobTime("The end must be later than the start.")


def _before(run: JobRun) -> JobRun | None:
    """The run that this one ended by its start."""
    return JobRun.objects.filter(line=run.line, ended_at=run.started_at).select_related("job").first()


def _move(run: JobRun, end: datetime | None) -> None:
    """The end of a run is where the next one begins; None: out of its way for the moment."""
    run.ended_at = end or run.started_at + timedelta(microseconds=1)
    run.save(update_fields=["ended_at"])


def _refuse_others(run: JobRun, before: JobRun | None) -> None:
    others = JobRun.objects.touching(run.started_at, run.ended_at).filter(line=run.line).exclude(pk=run.pk)
    for other in others.select_related("job"):
        if before is None or other.pk != before.pk or other.started_at >= run.started_at:
            raise ImpossibleJobTime(f"Job {other.job.number} ran {_span(run.line, other)}. Correct that first.")


def _told(run: JobRun) -> dict[str, str | None]:
    return {"job": run.job.number, "started_at": run.started_at.isoformat(), "ended_at": _iso(run.ended_at)}


# ---------------------------------------------------------------- what cannot be


def _refuse_time(job: Job, moment: datetime, by: User | None, now: datetime, what: str) -> None:
    if moment > now:
        raise ImpossibleJobTime(f"A job cannot be {what} in the future.")
    horizon = detail_horizon(now)
    if moment < horizon:
        since = f"{horizon.astimezone(job.line.site.zone):%d.%m.%Y}"
        raise ImpossibleJobTime(f"Only figures are kept from before {since}; they cannot be changed any more.")
    shift = calendar(job.line).settled(moment, now)
    if shift is not None and by is not None and not can(by, Capability.CODE_CLOSED_SHIFT):
        label = shift.label(job.line.site.zone)
        raise JobTooOld(f"The shift {label} is closed. The shift manager can still say when a job was {what} in it.")


def _lock(line: Line) -> None:
    """One job of a line is started or ended at a time."""
    Line.objects.select_for_update(no_key=True).get(pk=line.pk)


def _tell(line: Line, since: datetime) -> None:
    """Whoever derives figures finds the line changed since then; one that was never seen has nothing to derive."""
    if has_facts(line):
        with connection.cursor() as cursor:
            raise_versions(cursor, {line.pk: since})
    live.changed(line.pk, *TOPICS)


def _span(line: Line, run: JobRun) -> str:
    start = _clock(line, run.started_at)
    return f"from {start}" if run.ended_at is None else f"from {start} to {_clock(line, run.ended_at)}"


def _clock(line: Line, moment: datetime) -> str:
    return f"{moment.astimezone(line.site.zone):%d.%m. %H:%M}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
