"""How far the job is that runs, and when it will be done at the pace of now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Sum

from floor.domain.fold import NO_PRODUCT
from floor.models import Equipment, JobRun, Line, Product
from oee.domain.clock import MINUTE_MS, from_ms, to_ms
from oee.domain.factors import FIELDS, Totals
from oee.domain.pace import done_in_ms
from oee.models import HourTotals
from oee.rows import Span, minutes_of, primary_machine
from oee.setup import products_of
from oee.shift import is_silent, live

RECENT_MS = 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class JobTile:
    number: str
    product: str
    made: int  # good parts of all its runs
    planned: int
    done_at: datetime | None  # at the pace of the last ten minutes; None: the line stands, or it is done
    due_at: datetime | None
    other_product: str | None  # what the machine says that it makes, if that is not what the job is for

    @property
    def progress(self) -> float:
        """May exceed 1."""
        return self.made / self.planned

    @property
    def is_reached(self) -> bool:
        return self.made >= self.planned

    @property
    def is_late(self) -> bool:
        return self.due_at is not None and self.done_at is not None and self.done_at > self.due_at


def job_tile(line: Line, now: datetime) -> JobTile | None:
    """None: no job runs."""
    run = JobRun.objects.open().filter(line=line, started_at__lte=now).select_related("job__product").first()
    if run is None:
        return None
    job, machine = run.job, primary_machine(line)
    made = 0 if machine is None else made_of(job.pk, machine)
    return JobTile(
        number=job.number,
        product=job.product.name,
        made=made,
        planned=job.planned_quantity,
        done_at=None if machine is None else _done_at(machine, job.planned_quantity - made, now),
        due_at=job.due_at,
        other_product=_other_product(line, machine, job.product),
    )


def made_of(job: UUID, machine: Equipment) -> int:
    """Good parts that a machine made in all runs of a job; parts found after a silence are in it."""
    rows = HourTotals.objects.filter(job=job, equipment=machine)
    sums = rows.aggregate(**{name: Sum(name, default=0) for name in FIELDS})
    return Totals(**sums).good


def _done_at(machine: Equipment, remaining: int, now: datetime) -> datetime | None:
    if is_silent(live(machine), now):
        return None
    full = to_ms(now) // MINUTE_MS * MINUTE_MS
    minutes = minutes_of(Span(machine.id, from_ms(full - RECENT_MS), from_ms(full)))
    recent = sum(made - rejected for _, _, made, rejected, _ in minutes)
    left = done_in_ms(remaining, recent, RECENT_MS)
    return None if left is None else now + timedelta(milliseconds=left)


def _other_product(line: Line, machine: Equipment | None, wanted: Product) -> str | None:
    seen = live(machine)
    number = None if seen is None else seen.product_number
    if number in (None, NO_PRODUCT) or (made := products_of(line).get(number or 0)) in (None, wanted.pk):
        return None
    return Product.objects.values_list("name", flat=True).get(pk=made)
