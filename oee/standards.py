"""What a line is judged by now, who changed it and when: read for people, in words."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q

from floor.models import AuditEntry, Line, Product
from oee.domain.clock import MINUTE_MS, to_ms
from oee.domain.standards import BEGINNING
from oee.jobs import JobsIn, jobs_of
from oee.models import LinePolicy, Restatement, StopReason
from oee.models.reasons import LOSS_CLASS_CHOICES
from oee.restatements import spelled
from oee.rows import primary_machine
from oee.setup import policies_of, products_of, standards_of

CHANGES_LISTED = 50
FIGURES = ("oee", "availability", "performance", "quality")


@dataclass(frozen=True, slots=True)
class CycleLine:
    """`ideal_cycle_ms` None: no standard is known, performance cannot be told."""

    product: str
    number: int | None  # by which the controller knows the product
    ideal_cycle_ms: int | None
    per_min: float | None
    source: str


@dataclass(frozen=True, slots=True)
class ClassLine:
    loss_class: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeLine:
    at: str
    who: str
    what: str
    before: str
    after: str
    since: str


@dataclass(frozen=True, slots=True)
class RestatementLine:
    made: str
    who: str
    start: str
    end: str
    reason: str
    figures: tuple[tuple[str, float | None, float | None], ...]  # name, before, after


@dataclass(frozen=True, slots=True)
class LineStandards:
    machine: str
    policy_since: str
    policy: tuple[str, ...]
    targets: tuple[tuple[str, float], ...]
    cycles: tuple[CycleLine, ...]
    classes: tuple[ClassLine, ...]
    changes: tuple[ChangeLine, ...]
    restatements: tuple[RestatementLine, ...]


def line_standards(line: Line, now: datetime) -> LineStandards:
    """What holds for a line (with its site loaded) at `now`."""
    zone, policy = line.site.zone, _policy_now(line, now)
    machine = primary_machine(line)
    a, p, q = policy.target_availability, policy.target_performance, policy.target_quality
    return LineStandards(
        machine="" if machine is None else machine.code,
        policy_since="" if policy.valid_from <= BEGINNING else spelled(policy.valid_from, zone),
        policy=rules_in_words(policy),
        targets=(("Availability", a), ("Performance", p), ("Quality", q), ("OEE", a * p * q)),
        cycles=tuple(_cycles(line, now)),
        classes=tuple(_classes(now)),
        changes=tuple(_changes(line, zone)),
        restatements=tuple(_restatements(line, zone)),
    )


def _policy_now(line: Line, now: datetime) -> LinePolicy:
    in_force = [policy for policy in policies_of(line) if policy.valid_from <= now]
    return in_force[-1] if in_force else LinePolicy(line=line, valid_from=BEGINNING)


def rules_in_words(policy: LinePolicy) -> tuple[str, ...]:
    """One sentence for each rule."""
    return (
        f"A stop shorter than {policy.micro_stop_s} s is a minor stop."
        if policy.micro_stop_s
        else "There are no minor stops: every stop is asked about.",
        "Minor stops lower availability."
        if policy.minor_stops_reduce_availability
        else "Minor stops lower performance, not availability.",
        "Planned stops (cleaning, changeover, maintenance) are planned time and lower availability."
        if policy.planned_stops_reduce_availability
        else "Planned stops (cleaning, changeover, maintenance) are taken out of the planned time.",
        "Time that nobody saw counts as planned time without production."
        if policy.no_data_is_lost
        else "Time that nobody saw is left out; the ratios stand for the observed time.",
        f"Below {policy.slow_below * 100:.0f} % of the ideal speed a line is slow.",
        "Breaks, time without shift and time with nothing to make are not planned time.",
    )


def _cycles(line: Line, now: datetime) -> Iterable[CycleLine]:
    machine, found = primary_machine(line), standards_of(line)
    if machine is None:
        return
    job = jobs_of(JobsIn(line.id, now, None)).at(to_ms(now))
    products = products_of(line)
    names = dict(Product.objects.filter(pk__in=products.values()).values_list("pk", "name"))
    words = {**names, line.id: line.code, machine.id: machine.code}
    for number, product in [*sorted(products.items()), (None, None)]:
        standard = found.ideal_cycle(line.id, machine.id, product, now, job)
        cycle = None if standard is None else standard.ideal_cycle_ms
        yield CycleLine(
            product="Any other product" if product is None else names[product],
            number=number,
            ideal_cycle_ms=cycle,
            per_min=None if cycle is None else MINUTE_MS / cycle,
            source="" if standard is None else standard.source(words, line.site.zone),
        )


def _classes(now: datetime) -> Iterable[ClassLine]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for reason in StopReason.objects.offered().with_class(now):
        reasons[reason.class_now or "failure"].append(reason.label)  # type: ignore[attr-defined]
    return [ClassLine(label, tuple(reasons[value])) for value, label in LOSS_CLASS_CHOICES if reasons[value]]


def _changes(line: Line, zone: ZoneInfo) -> Iterable[ChangeLine]:
    """Newest first."""
    rows = AuditEntry.objects.filter(action__startswith="standard.").select_related("actor")
    ours = rows.filter(Q(detail__line=line.code) | Q(detail__line="")).order_by("-at")
    for row in ours[:CHANGES_LISTED]:
        since = row.detail.get("since")
        yield ChangeLine(
            at=spelled(row.at, zone),
            who=str(row.actor) if row.actor else "the plant file",
            what=row.detail["what"],
            before=row.detail.get("before") or "–",
            after=row.detail.get("after") or "–",
            since=_since(datetime.fromisoformat(since), zone) if since else "at once",
        )


def _since(moment: datetime, zone: ZoneInfo) -> str:
    return "the beginning" if moment <= BEGINNING else spelled(moment, zone)


def _restatements(line: Line, zone: ZoneInfo) -> Iterable[RestatementLine]:
    rows = Restatement.objects.filter(line=line).select_related("author").order_by("-pk")
    for row in rows[:CHANGES_LISTED]:
        yield RestatementLine(
            made=spelled(row.made_at, zone),
            who=str(row.author),
            start=spelled(row.starts_at, zone),
            end=spelled(row.ends_at, zone),
            reason=row.reason,
            figures=compared(row.before, row.after),
        )


def compared(
    before: dict[str, float | int | None], after: dict[str, float | int | None]
) -> tuple[tuple[str, float | None, float | None], ...]:
    return tuple((_title(name), before.get(name), after.get(name)) for name in FIGURES)


def _title(name: str) -> str:
    return "OEE" if name == "oee" else name.capitalize()
