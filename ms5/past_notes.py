"""What people would have said in days that never were: jobs, reasons, changeovers, split stops, scrap, calls."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from random import Random
from typing import Any
from uuid import UUID, uuid4

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F, Q

from andon.domain.call import Priority, Status
from andon.models import Call, CallKind
from floor.actions.jobs import create_job
from floor.actions.standards import ALWAYS
from floor.domain.fold import NO_PRODUCT
from floor.models import IdealCycle, Job, JobRun, Line, MachineMinute, User
from floor.models.people import Role
from oee.models import CountEntry, HourTotals, PlannedStop, Stop, StopCoding, StopConfirmation, StopReason
from oee.rows import primary_machine
from oee.setup import products_of, standards_of

CODED_SHARE = 0.97
SPLIT_SHARE, SPLIT_FROM = 0.25, timedelta(minutes=14)
CONFIRMED_SHARE = 0.4
CALLED_SHARE, CALLED_FROM = 0.6, timedelta(minutes=9)
# Kind of call → how often it is the one, of a hundred.
CALLED = {"maintenance": 82, "quality": 7, "material": 7, "safety": 4}
LATE_SHARE, BY_MACHINE_SHARE, REJECTED_SHARE, LEFT_WORK_SHARE = 0.08, 0.2, 0.06, 0.3
CHANGEOVER_S = 600
NEAR_CHANGE = timedelta(minutes=10)
SCRAP_A_DAY = 4
JOBS_AHEAD = 2
LONGEST_JOB = timedelta(hours=16)
OWN_PACE_ONE_IN, OWN_PACE = 6, 0.98
DEFECTS = ("Torn bag", "Underweight", "Crushed", "Label missing")


@dataclass(frozen=True, slots=True)
class People:
    operator: User
    supervisor: User
    fitter: User


def people() -> People | None:
    """Somebody of each role that speaks; None while the plant has none."""
    found: dict[str, User] = {}
    for user in User.objects.filter(is_active=True).order_by("-date_joined"):
        found[user.role] = user
    roles = (Role.OPERATOR, Role.SHIFT_MANAGER, Role.MAINTENANCE)
    return People(*(found[role] for role in roles)) if all(role in found for role in roles) else None


def job_runs(line: Line, end: datetime, who: People, chance: Random) -> list[JobRun]:
    """A job for each stretch in which the line made one product; the last one still runs at `end`."""
    batches = list(_batches(line))
    usual = sorted(batch.good for batch in batches[:-1])
    runs: list[JobRun] = []
    for place, batch in enumerate(batches):
        is_last = place == len(batches) - 1
        planned = max(batch.good * 1.3, usual[len(usual) // 2] if usual else 0) if is_last else batch.good
        job = _job(line, batch, place, _round(planned * chance.uniform(0.98, 1.04)), who, chance)
        ended_at, ended_by = (None, None) if is_last else (batches[place + 1].start, who.operator)
        runs.append(
            JobRun(
                job=job, line=line, started_at=batch.start, ended_at=ended_at, started_by=who.operator,
                ended_by=ended_by, request_id=uuid4(),
            )
        )  # fmt: skip
    return runs


def job_cycles(line: Line, runs: list[JobRun], chance: Random) -> list[IdealCycle]:
    """Some orders are paid by the hour: they ask for a little more than their product usually does."""
    machine, standards = primary_machine(line), standards_of(line)
    if machine is None:
        return []
    found = []
    for run in chance.sample(runs, len(runs) // OWN_PACE_ONE_IN):
        usual = standards.ideal_cycle_ms(line.id, machine.id, run.job.product_id, run.started_at)
        if usual is not None:
            own = round(usual * OWN_PACE)
            found.append(IdealCycle(job=run.job, ideal_cycle_ms=own, valid_from=ALWAYS))
    return found


@dataclass(frozen=True, slots=True)
class _Batch:
    product: UUID
    start: datetime
    end: datetime
    good: int


def _batches(line: Line) -> Iterator[_Batch]:
    """Minutes without a number, or with one that nobody named, belong to the batch before. No two begin together."""
    names = products_of(line)
    rows = MachineMinute.objects.filter(equipment=primary_machine(line)).order_by("minute", "product_number")
    found: _Batch | None = None
    told = rows.values_list("minute", "product_number", "made", "rejected")
    for _, rows_of_minute in groupby(told, key=itemgetter(0)):
        for minute, product, good in _running_first(rows_of_minute, names, found):
            if found is not None and found.product != product and found.start < minute:
                yield found
                found = None
            before = found or _Batch(product, minute, minute, 0)
            found = replace(before, product=product, end=minute, good=before.good + good)
    if found is not None:
        yield found


def _running_first(
    rows: Iterable[tuple[datetime, int, int, int]], names: Mapping[int, UUID], found: _Batch | None
) -> list[tuple[datetime, UUID, int]]:
    """(minute, product, good) of one minute; in a minute of change the product that ran before stands first."""
    running = None if found is None else found.product
    told = [
        (minute, product, made - rejected)
        for minute, number, made, rejected in rows
        if (product := names.get(number, running)) is not None
    ]
    return sorted(told, key=lambda one: one[1] != running)


def _job(line: Line, batch: _Batch, place: int, planned: int, who: People, chance: Random) -> Job:
    takes = min((batch.end - batch.start) * (planned / max(batch.good, 1)), LONGEST_JOB)
    due = (batch.start + takes + timedelta(minutes=chance.randint(20, 150))).replace(second=0, microsecond=0)
    return Job(
        number=_number(line, place), line=line, product_id=batch.product, planned_quantity=planned,
        due_at=due.replace(minute=due.minute // 15 * 15), created_by=who.supervisor,
        created_at=batch.start - timedelta(hours=chance.randint(8, 30)),
    )  # fmt: skip


def _number(line: Line, place: int) -> str:
    """Every line has its own block of numbers, as orders come from one book for each."""
    block = Line.objects.filter(position__lt=line.position).count() + 1
    return f"{47 + block}{place + 101:04d}"


def _round(units: float) -> int:
    return max(100, round(units / 100) * 100)


def plan_next_jobs(line: Line, end: datetime, who: People, chance: Random) -> None:
    """What is planned after the job that runs."""
    done = list(Job.objects.filter(line=line).order_by("created_at").select_related("product"))
    for ahead, like in enumerate(chance.sample(done[:-1], min(JOBS_AHEAD, len(done[:-1])))):
        due = end.replace(minute=0, second=0, microsecond=0) + timedelta(hours=8 + 5 * ahead)
        create_job(
            line, _number(line, len(done) + ahead), like.product, like.planned_quantity,
            by=who.supervisor, now=end - timedelta(hours=3), due_at=due,
        )  # fmt: skip


def changeovers(line: Line, until: datetime, who: People) -> list[PlannedStop]:
    """The operator announced each change of product in which the line stood."""
    reason, machine = StopReason.objects.filter(code="CHANGEOVER").first(), primary_machine(line)
    if reason is None or machine is None:
        return []
    stops = Stop.objects.filter(equipment=machine, is_minor=False, ended_at__lt=until)
    found: dict[UUID, PlannedStop] = {}
    for moment in _changes(machine.id):
        near = Q(started_at__lt=moment + NEAR_CHANGE) & Q(ended_at__gt=moment - NEAR_CHANGE)
        stop = max(stops.filter(near), key=_length, default=None)
        if stop is not None:
            found[stop.id] = _changeover(line, stop, reason, who)
    return list(found.values())


def _changes(machine: UUID) -> Iterator[datetime]:
    before = None
    rows = HourTotals.objects.filter(equipment=machine).exclude(product_number=NO_PRODUCT).order_by("starts_at")
    for starts_at, number in rows.values_list("starts_at", "product_number"):
        if before not in (None, number):
            yield starts_at
        before = number


def _length(stop: Stop) -> timedelta:
    return (stop.ended_at or stop.started_at) - stop.started_at


def _changeover(line: Line, stop: Stop, reason: StopReason, who: People) -> PlannedStop:
    return PlannedStop(
        line=line, reason=reason, starts_at=stop.started_at, ends_at=stop.ended_at, expected_s=CHANGEOVER_S,
        author=who.operator, made_at=stop.started_at + timedelta(seconds=20), ended_by=who.operator,
    )  # fmt: skip


def codings(line: Line, until: datetime, who: People, chance: Random) -> list[StopCoding]:
    """Most stops that ended before `until` have a reason, most often the one proposed; some long ones have two."""
    reasons = list(StopReason.objects.offered().unplanned(until))
    stops = Stop.objects.filter(line=line, is_minor=False, equipment__is_primary=True, ended_at__lt=until)
    found: list[StopCoding] = []
    for stop in stops.filter(planned_stop=None).select_related("proposed_reason").order_by("started_at"):
        if reasons and chance.random() < CODED_SHARE:
            found += _said(stop, stop.proposed_reason or chance.choice(reasons), reasons, who, chance)
    return found


def _said(stop: Stop, reason: StopReason, others: list[StopReason], who: People, chance: Random) -> list[StopCoding]:
    made_at = stop.started_at + timedelta(seconds=chance.randint(40, 600))
    said = [_coding(stop, stop.started_at, reason, made_at, who)]
    if _length(stop) > SPLIT_FROM and chance.random() < SPLIT_SHARE:
        cut = stop.started_at + _length(stop) * chance.uniform(0.3, 0.7)
        whole_minute = cut.replace(second=0, microsecond=0)
        said.append(_coding(stop, whole_minute, chance.choice(others), made_at + timedelta(minutes=20), who))
    return said


def _coding(stop: Stop, start: datetime, reason: StopReason, made_at: datetime, who: People) -> StopCoding:
    return StopCoding(
        equipment_id=stop.equipment_id, covers=DateTimeTZRange(start, None, "[)"), reason=reason,
        author=who.operator, made_at=made_at, request_id=uuid4(),
    )  # fmt: skip


def confirmations(line: Line, until: datetime, who: People, chance: Random) -> list[StopConfirmation]:
    stops = Stop.objects.filter(line=line, equipment__is_primary=True, ended_at__lt=until, coding__reason__isnull=False)
    return [
        StopConfirmation(
            equipment_id=stop.equipment_id, stop_started_at=stop.started_at, author=who.supervisor,
            made_at=(stop.ended_at or stop.started_at) + timedelta(hours=1), request_id=uuid4(),
        )
        for stop in stops.order_by("started_at")
        if chance.random() < CONFIRMED_SHARE
    ]  # fmt: skip


def scrap(line: Line, until: datetime, who: People, chance: Random) -> list[CountEntry]:
    """A few parts a day that the machine counted as good and somebody took out."""
    machine = primary_machine(line)
    hours = list(HourTotals.objects.filter(equipment=machine, made__gt=500, ends_at__lt=until).order_by("starts_at"))
    chosen = chance.sample(hours, min(len(hours), len(hours) * SCRAP_A_DAY // 24))
    return [_scrap(hour, who, chance) for hour in chosen]


def _scrap(hour: HourTotals, who: People, chance: Random) -> CountEntry:
    at = hour.starts_at + timedelta(seconds=chance.randint(60, 3000))
    given: dict[str, Any] = {"sort": CountEntry.Sort.SCRAP, "defect": chance.choice(DEFECTS)}
    return CountEntry(
        equipment_id=hour.equipment_id, starts_at=at, ends_at=at + timedelta(milliseconds=1), made_at=at,
        rejected=chance.choice((1, 1, 2, 3, 6, 12)), product_number=hour.product_number, author=who.operator, **given,
    )  # fmt: skip


def calls(line: Line, until: datetime, who: People, chance: Random) -> list[Call]:
    """In some long breakdowns that ended before `until` somebody, or the machine, called for help and got it."""
    kinds = {kind.code: kind for kind in CallKind.objects.filter(code__in=CALLED)}
    if len(kinds) < len(CALLED):
        return []
    broken = Stop.objects.filter(line=line, equipment__is_primary=True, ended_at__lt=until).exclude(fault_text="")
    long = broken.filter(ended_at__gt=F("started_at") + CALLED_FROM).select_related("equipment").order_by("started_at")
    codes, weights = list(CALLED), list(CALLED.values())
    return [
        _call(stop, kinds[chance.choices(codes, weights)[0]], who, chance)
        for stop in long
        if chance.random() < CALLED_SHARE
    ]


def _call(stop: Stop, kind: CallKind, who: People, chance: Random) -> Call:
    ended_at = stop.ended_at or stop.started_at + CALLED_FROM
    raised_at = stop.started_at + timedelta(seconds=chance.randint(40, 200))
    is_late = chance.random() < LATE_SHARE and ended_at - raised_at > timedelta(minutes=8)
    answered_at = raised_at + timedelta(seconds=chance.randint(301, 330) if is_late else chance.randint(20, 115))
    by_machine, in_vain = chance.random() < BY_MACHINE_SHARE, chance.random() < REJECTED_SHARE
    call = Call(
        line=stop.line, equipment=stop.equipment, kind=kind, priority=kind.priority, stopped_since=stop.started_at,
        raised_at=raised_at, raised_by=None if by_machine else who.operator,
        source=Call.Source.MACHINE if by_machine else Call.Source.PERSON,
        acknowledged_at=answered_at, acknowledged_by=who.fitter, responder=who.fitter, resolved_by=who.fitter,
        level=int(is_late and kind.priority >= Priority.HIGH),
    )  # fmt: skip
    if in_vain:
        call.status, call.resolution = Status.REJECTED, "Nothing found"
        call.resolved_at = answered_at + timedelta(seconds=chance.randint(60, 200))
        return call
    call.status, call.resolution, call.resolved_at = Status.RESOLVED, f"Cleared: {stop.fault_text}", ended_at
    call.arrived_at, call.arrived_by = answered_at + timedelta(seconds=chance.randint(60, 150)), who.fitter
    call.work_order_suggested = kind.suggests_work_order and chance.random() < LEFT_WORK_SHARE
    return call
