"""What the engineer's pages say about controllers: how each link goes, what each tag reads, what counters did."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from floor.domain.machine import CounterEventKind
from floor.models import CounterEvent, FaultDefinition, Reconciliation
from floor.templatetags.units import clock, count, duration
from plc.domain.bindings import BITS
from plc.drivers.base import Quality
from plc.models import Binding, Controller, Link, Tag

State = Link.State
SHOWN_BITS = 4
EVENTS = 12
CLOCK_ERROR_S = 1.0
HOUR = timedelta(hours=1)
RECONCILED_FOR = timedelta(hours=25)  # the last 24 finished hours
NO_READER = "Nobody reads this controller."
HINT_READER = "Is the reader (process plc) running, and can it reach the database?"

QUALITIES = {
    Quality.GOOD: "good",
    Quality.BAD_TAG: "no such tag",
    Quality.BAD_TYPE: "other type",
    Quality.BAD_VALUE: "no sense",
    Quality.BAD_COMM: "no link",
    Quality.STALE: "too old",
    Quality.INIT: "never read",
}
WRONG = (Quality.BAD_TAG, Quality.BAD_TYPE, Quality.BAD_VALUE)
MEANINGS = {
    Binding.Meaning.RUNNING: "running",
    Binding.Meaning.SPEED: "speed",
    Binding.Meaning.PRODUCT: "product",
    Binding.Meaning.TOTAL_COUNT: "parts made",
    Binding.Meaning.GOOD_COUNT: "good parts",
    Binding.Meaning.REJECT_COUNT: "rejects",
    Binding.Meaning.FAULT_BITS: "faults",
}


@dataclass(frozen=True, slots=True)
class LinkWords:
    """`look` is the state whose colour and pattern fit, `symbol` its shape; `word` says it."""

    look: str
    symbol: str
    word: str
    since: str
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ControllerCard:
    code: str
    name: str
    kind: str
    address: str
    feeds: str
    link: LinkWords
    rate: str
    wanted: str
    is_slow: bool
    age: str
    last_ok_at: datetime | None
    read_ms: float | None
    missed_slots: int
    spool_rows: int


@dataclass(frozen=True, slots=True)
class ControllersTile:
    cards: tuple[ControllerCard, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class TagRow:
    name: str
    address: str
    data_type: str
    unit: str
    enabled: bool
    value: str
    quality: str
    is_good: bool
    is_wrong: bool  # something about this tag itself has to be put right
    age: str
    error: str
    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    at: datetime
    machine: str
    counter: str
    text: str
    before: int | None
    after: int
    look: str


@dataclass(frozen=True, slots=True)
class ReconciledRow:
    machine: str
    text: str
    look: str


@dataclass(frozen=True, slots=True)
class ControllerTile:
    card: ControllerCard
    identity: tuple[tuple[str, str], ...]
    clock: str
    scans: int
    tags: tuple[TagRow, ...]
    bad: int
    events: tuple[EventRow, ...]
    reconciled: tuple[ReconciledRow, ...]


def controllers_tile(now: datetime) -> ControllersTile:
    """Every controller, in four queries."""
    rows = Controller.objects.select_related("link").order_by("code")
    controllers = rows.prefetch_related(Prefetch("tags", Tag.objects.filter(enabled=True)), "tags__bindings__equipment")
    cards = tuple(_card(controller, now) for controller in controllers)
    return ControllersTile(cards, _summary(cards))


def controller_tile(controller: Controller, now: datetime) -> ControllerTile:
    tags = list(controller.tags.prefetch_related("bindings__equipment").order_by("-enabled", "name"))
    machines = {binding.equipment_id for tag in tags for binding in tag.bindings.all()}
    link = _link(controller)
    texts = fault_texts(machines)
    told = tuple(_tag_row(tag, link, texts, now) for tag in tags)
    events = CounterEvent.objects.filter(equipment__in=machines).select_related("equipment").order_by("-at")
    return ControllerTile(
        card=_card(controller, now),
        identity=_identity(link),
        clock=_clock_sentence(link),
        scans=link.scans,
        tags=told,
        bad=sum(row.is_wrong for row in told),
        events=tuple(_event_row(event) for event in events[:EVENTS]),
        reconciled=_reconciled(machines, now),
    )


def _link(controller: Controller) -> Link:
    """The live row, or an empty one for a controller that nobody has read yet."""
    found: Link | None = getattr(controller, "link", None)
    return found or Link(controller=controller, since=controller.updated_at)


def _card(controller: Controller, now: datetime) -> ControllerCard:
    link = _link(controller)
    wanted_hz = 1 / controller.scan_s
    words = link_words(controller, link, now)
    rate_hz = link.achieved_rate_hz if words.look in ("run", "slow") else None
    return ControllerCard(
        code=controller.code,
        name=controller.name,
        kind=controller.get_kind_display(),
        address=f"{controller.host}:{controller.port}",
        feeds=", ".join(_machines(controller)),
        link=words,
        rate="–" if rate_hz is None else f"{rate_hz:.2f}",
        wanted=f"{wanted_hz:.2f}",
        is_slow=rate_hz is not None and rate_hz < 0.9 * wanted_hz,
        age=age_text(link.last_ok_at, now),
        last_ok_at=link.last_ok_at,
        read_ms=link.read_ms,
        missed_slots=link.missed_slots,
        spool_rows=link.spool_rows,
    )


def _machines(controller: Controller) -> Iterable[str]:
    found = {binding.equipment.pk: binding.equipment for tag in controller.tags.all() for binding in tag.bindings.all()}
    return (machine.name for machine in sorted(found.values(), key=lambda machine: (machine.line_id, machine.position)))


def _summary(cards: Sequence[ControllerCard]) -> str:
    if not cards:
        return "No controller is set up yet."
    looks = [card.link.look for card in cards]
    read = looks.count("run") + looks.count("slow")
    parts = [f"{read} of {len(cards)} controllers are read"]
    if lost := looks.count("nodata"):
        parts.append(f"{lost} without connection")
    if wrong := looks.count("action"):
        parts.append(f"{wrong} to be configured")
    if bad := looks.count("slow"):
        parts.append(f"{bad} with bad tags")
    return ", ".join(parts) + "."


def link_words(controller: Controller, link: Link, now: datetime) -> LinkWords:
    """What the page says about the connection. An old "online" is not believed: its reader may be dead."""
    if not controller.enabled:
        return LinkWords("off", "state-off", "SWITCHED OFF", "")
    last, since, told = moment_text(link.last_ok_at, now), moment_text(link.since, now), (link.error, link.hint)
    if link.lease_until is None or link.lease_until < now:
        return LinkWords("nodata", "sym-broken", "NOT READ", last, NO_READER, HINT_READER)
    if link.state == State.CONFIG_ERROR:
        return LinkWords("action", "sym-hand", "CONFIGURATION", since, *told)
    if link.state == State.BACKOFF or (link.state == State.CONNECTING and link.error):
        return LinkWords("nodata", "sym-broken", "NO CONNECTION", last or since, *told)
    if link.state != State.ONLINE:
        return LinkWords("planned", "sym-clock", "CONNECTING", since)
    if link.last_ok_at is not None and now - link.last_ok_at > timedelta(seconds=max(3 * controller.scan_s, 5.0)):
        return LinkWords("nodata", "sym-broken", "NO ANSWER", last, *told)
    if link.error:
        return LinkWords("slow", "state-slow", "BAD TAGS", since, *told)
    return LinkWords("run", "sym-check", "ONLINE", since)


def moment_text(at: datetime | None, now: datetime) -> str:
    """08:11 today, 20 Nov 08:11 before."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return clock(at) if local.date() == timezone.localtime(now).date() else f"{local:%-d %b} {clock(at)}"


def age_text(at: datetime | None, now: datetime) -> str:
    """How old a reading is: 0.4 s, 12 s, 04:12, or since when."""
    if at is None:
        return "never"
    age_s = max(0.0, (now - at).total_seconds())
    if age_s < 10:
        return f"{age_s:.1f} s ago"
    if age_s < 60:
        return f"{age_s:.0f} s ago"
    return f"{duration(age_s)} ago" if age_s < 86_400 else f"{age_s / 86_400:.0f} days ago"


def _identity(link: Link) -> tuple[tuple[str, str], ...]:
    words = (("product_name", "Controller"), ("vendor", "Maker"), ("revision", "Firmware"), ("serial", "Serial number"))
    return tuple((label, str(link.identity[key])) for key, label in words if link.identity.get(key))


def _clock_sentence(link: Link) -> str:
    off_s = link.clock_offset_s
    if not link.scans:
        return ""
    if abs(off_s) < CLOCK_ERROR_S:
        return f"The reader's clock agrees with the database's to {max(abs(off_s), 0.001):.3f} s."
    side = "ahead of" if off_s > 0 else "behind"
    return (
        f"The reader's clock is {abs(off_s):.1f} s {side} the database's. "
        "Readings carry the database's time; set the clock."
    )


def fault_texts(machines: Iterable[Any]) -> dict[tuple[Any, int], str]:
    rows = FaultDefinition.objects.filter(equipment__in=list(machines)).values_list("equipment_id", "bit", "text")
    return {(equipment, bit): text for equipment, bit, text in rows}


def _tag_row(tag: Tag, link: Link, texts: Mapping[tuple[Any, int], str], now: datetime) -> TagRow:
    entry: dict[str, Any] = link.values.get(tag.name) or {}
    quality = _quality(entry, link, now)
    bindings = list(tag.bindings.all())
    return TagRow(
        name=tag.name,
        address="" if tag.address == tag.name else tag.address,
        data_type=tag.data_type if tag.length == 1 else f"{tag.data_type}[{tag.length}]",
        unit=tag.unit,
        enabled=tag.enabled,
        value=value_text(tag, entry.get("v"), bindings, texts),
        quality=QUALITIES[quality] if tag.enabled else "switched off",
        is_good=quality is Quality.GOOD,
        is_wrong=tag.enabled and quality in WRONG,
        age=age_text(link.last_ok_at, now) if quality is Quality.GOOD else "",
        error=str(entry.get("e") or ""),
        feeds=tuple(_feeds(binding) for binding in bindings),
    )


def _quality(entry: Mapping[str, Any], link: Link, now: datetime) -> Quality:
    """A good value that has not been read for a while is not good any more."""
    quality = Quality(entry.get("q", Quality.INIT))
    held = link.lease_until is not None and link.lease_until >= now
    if quality is Quality.GOOD and not (held and link.state == State.ONLINE):
        return Quality.STALE
    return quality


def _feeds(binding: Binding) -> str:
    bit = "" if binding.bit is None else f" (bit {binding.bit})"
    no = "not " if binding.invert else ""
    return f"{no}{MEANINGS[Binding.Meaning(binding.meaning)]} of {binding.equipment.name}{bit}"


def value_text(tag: Tag, value: Any, bindings: Sequence[Binding], texts: Mapping[tuple[Any, int], str]) -> str:
    """A value in a person's form; bits by number, with their text where the tag carries faults."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if tag.data_type in BITS and (tag.data_type == "BOOL" or _carries_faults(bindings)):
        return _bits_text(_joined(value, BITS[tag.data_type]), bindings, texts)
    if isinstance(value, list):
        shown = ", ".join(str(item) for item in value[:8])
        return f"{shown}, …" if len(value) > 8 else shown
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"“{value}”" if isinstance(value, str) else str(value)


def _joined(value: int | list[int], width: int) -> int:
    """One number of all words, the first lowest; negative words in two's complement."""
    if not isinstance(value, list):
        return value if value >= 0 else value & ((1 << width) - 1)
    return sum((word & ((1 << width) - 1)) << place * width for place, word in enumerate(value))


def _carries_faults(bindings: Sequence[Binding]) -> bool:
    return any(binding.meaning == Binding.Meaning.FAULT_BITS for binding in bindings)


def _bits_text(value: int, bindings: Sequence[Binding], texts: Mapping[tuple[Any, int], str]) -> str:
    fault = next((binding for binding in bindings if binding.meaning == Binding.Meaning.FAULT_BITS), None)
    bits = [bit for bit in range(value.bit_length()) if value >> bit & 1]
    if not bits:
        return "no bit set"
    shown = []
    for bit in islice(bits, SHOWN_BITS):
        text = texts.get((fault.equipment_id, bit + int(fault.offset))) if fault else None
        shown.append(f"{bit} {text}" if text else str(bit))
    more = f" and {len(bits) - SHOWN_BITS} more" if len(bits) > SHOWN_BITS else ""
    return f"{'bits' if len(bits) > 1 else 'bit'} {', '.join(shown)}{more}"


def _event_row(event: CounterEvent) -> EventRow:
    kind = CounterEventKind(event.kind)
    return EventRow(
        at=event.at,
        machine=event.equipment.name,
        counter="rejects" if event.counter == "rejected" else "parts made",
        text=_event_text(kind, event.delta, "reject" if event.counter == "rejected" else "part"),
        before=event.before,
        after=event.after,
        look="slow" if kind is CounterEventKind.QUARANTINE else "plain",
    )


def _reconciled(machines: Iterable[Any], now: datetime) -> tuple[ReconciledRow, ...]:
    """Per machine how far its counts of the last day agree with the counters, or every hour in which they do not."""
    rows = Reconciliation.objects.filter(equipment__in=machines, hour__gte=now - RECONCILED_FOR)
    by_machine: dict[str, list[Reconciliation]] = {}
    for row in rows.select_related("equipment").order_by("equipment__position", "equipment__code", "-hour", "counter"):
        by_machine.setdefault(row.equipment.name, []).append(row)
    return tuple(said for machine, hours in by_machine.items() for said in _reconciled_rows(machine, hours, now))


def _reconciled_rows(machine: str, hours: list[Reconciliation], now: datetime) -> Iterator[ReconciledRow]:
    """`hours`: the newest first."""
    wrong = [row for row in hours if row.difference]
    if not wrong:
        until = moment_text(hours[0].hour + HOUR, now)
        yield ReconciledRow(machine, f"Counts reconciled to {until}: difference 0.", "plain")
    for row in wrong:
        noun = "reject" if row.counter == "rejected" else "part"
        parts = f"{count(abs(row.difference))} {noun}{'s' * (abs(row.difference) != 1)}"
        side = "more" if row.difference > 0 else "fewer"
        span = f"{moment_text(row.hour, now)} to {clock(row.hour + HOUR)}"
        yield ReconciledRow(machine, f"{parts} {side} booked than counted, {span}.", "stop")


def _event_text(kind: CounterEventKind, delta: int, noun: str) -> str:
    parts = f"{count(delta)} {noun}{'s' * (delta != 1)}"
    return {
        CounterEventKind.FIRST: "First reading; counting starts here.",
        CounterEventKind.WRAP: f"The counter wrapped around; {parts} counted.",
        CounterEventKind.RESET: f"The counter was set back; {parts} counted since.",
        CounterEventKind.GLITCH: "The counter fell back for one reading and came back; nothing was lost.",
        CounterEventKind.GAP: f"{parts} made while nobody looked; counted, but not for OEE.",
        CounterEventKind.QUARANTINE: f"{parts} not counted: more than the machine can make. Please check.",
    }[kind]
