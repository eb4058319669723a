"""What may stand in a plant file, key by key. Whatever needs two places of the file to judge stands in check.py."""

import difflib
import re
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from floor.domain.rotations import RotaShift, Rotation, Team, read_sequence
from floor.domain.shifts import Break, Special, SpecialDay
from plc.domain.bindings import check_tag
from plc.drivers.base import TagSpec
from plc.models import DATA_TYPES

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KINDS = ("production", "packaging", "conveyor", "utility", "support", "safety")


def wrong(sentence: str) -> PydanticCustomError:
    """A validator's own sentence; braces in it are text."""
    return PydanticCustomError("wrong", "{sentence}", {"sentence": sentence})


def one_of(what: str, choices: tuple[str, ...]) -> BeforeValidator:
    """Accept exactly these words; anything else is refused with the nearest of them."""

    def check(value: object) -> object:
        if value in choices:
            return value
        raise wrong(f"unknown {what} {value}; use one of {', '.join(choices)}{closest(str(value), choices)}.")

    return BeforeValidator(check)


def closest(word: str, choices: Iterable[str]) -> str:
    known = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f" (did you mean {known[near[0]]}?)" if near else ""


def _zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise wrong(f"unknown time zone {name}; use a name such as Europe/London.")
    return name


def _host(value: str) -> str:
    try:
        return str(IPv4Address(value))
    except ValueError as error:
        raise wrong(f"{value} is not an IP address; write four numbers such as 10.1.7.20.") from error


def _time(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{1,2}:\d{2}", value):
        hours, minutes = (int(part) for part in value.split(":"))
        if hours < 24 and minutes < 60:
            return time(hours, minutes)
    if value == "24:00":
        return time(0)
    raise wrong(f"{value} is not a time of day; write it as 06:30.")


def _moment(value: object) -> object:
    """A date is the start of that day in UTC; a time needs its offset."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise wrong(f"{value} is not a date; write 2026-11-30 or 2026-11-30T06:00+00:00.") from error
    if moment.tzinfo is None and len(str(value)) > 10:
        raise wrong(f"{value} has no offset; write 2026-11-30T06:00+00:00.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _days(value: object) -> object:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        raise wrong("days is a list such as [mon, tue, wed].")
    unknown = [word for word in words if str(word).lower()[:3] not in DAYS]
    if unknown:
        raise wrong(f"unknown day {unknown[0]}; use {', '.join(DAYS)}.")
    return sorted({DAYS.index(str(word).lower()[:3]) + 1 for word in words})


def _sequence(value: object) -> object:
    return " ".join(str(word) for word in value) if isinstance(value, list) else value


Code = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=50),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
ShortName = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
BreakName = Annotated[str, StringConstraints(pattern=r"^[^,;\n]+$", max_length=40, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=40)]
TimeOfDay = Annotated[time, BeforeValidator(_time)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
DataType = Annotated[str, one_of("data type", DATA_TYPES)]


class Entry(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, allow_inf_nan=False, populate_by_name=True
    )


class BreakEntry(Entry):
    name: BreakName = "Break"
    starts_at: TimeOfDay = Field(alias="from")
    ends_at: TimeOfDay = Field(alias="to")


def breaks_of(entries: Iterable[BreakEntry]) -> tuple[Break, ...]:
    found = (Break(rest.name, rest.starts_at, rest.ends_at) for rest in entries)
    return tuple(sorted(found, key=lambda rest: (rest.starts_at, rest.name)))


class ShiftEntry(Entry):
    starts_at: TimeOfDay = Field(alias="from")
    ends_at: TimeOfDay = Field(alias="to")
    days: Annotated[list[int], BeforeValidator(_days)] = Field(default=[1, 2, 3, 4, 5, 6, 7])
    breaks: list[BreakEntry] = []
    valid_from: date | None = None


class RotaShiftEntry(Entry):
    starts_at: TimeOfDay = Field(alias="from")
    ends_at: TimeOfDay = Field(alias="to")
    breaks: list[BreakEntry] = []


class RotationEntry(Entry):
    """`teams` gives after how many days each team begins the sequence."""

    shifts: dict[Word, RotaShiftEntry] = Field(min_length=1)
    sequence: Annotated[str, BeforeValidator(_sequence)]
    first_day: date
    teams: dict[ShortName, Annotated[int, Field(ge=0, lt=1000)]] = Field(min_length=1)
    valid_from: date | None = None

    def value(self) -> Rotation:
        """Raises Unreadable."""
        shifts = tuple(
            RotaShift(name, its.starts_at, its.ends_at, breaks_of(its.breaks)) for name, its in self.shifts.items()
        )
        teams = tuple(Team(name, offset) for name, offset in self.teams.items())
        return Rotation(shifts, read_sequence(self.sequence, shifts), self.first_day, teams)


class SpecialDayEntry(Entry):
    kind: Annotated[str, one_of("kind of special day", tuple(Special))]
    first_day: date
    last_day: date | None = None
    shift: Annotated[str, StringConstraints(max_length=40)] = ""
    starts_at: TimeOfDay | None = Field(default=None, alias="from")
    ends_at: TimeOfDay | None = Field(default=None, alias="to")
    note: Annotated[str, StringConstraints(max_length=80)] = ""

    def values(self) -> dict[str, Any]:
        return self.model_dump() | {"last_day": self.last_day or self.first_day}

    def value(self, *, is_of_line: bool) -> SpecialDay:
        last, kind = self.last_day or self.first_day, Special(self.kind)
        return SpecialDay(kind, self.first_day, last, self.shift, self.starts_at, self.ends_at, is_of_line)


class CycleEntry(Entry):
    """`600`, or `{ms: 600, valid_from: 2026-11-30}`."""

    ms: int = Field(gt=0, le=3_600_000)
    valid_from: Moment | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"ms": value}


class SiteEntry(Entry):
    code: Code
    name: Name
    time_zone: Annotated[str, AfterValidator(_zone)]


class ProductEntry(Entry):
    """`White sliced`, or with an ideal cycle that holds on any machine."""

    name: Name
    ideal_cycle_ms: CycleEntry | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"name": value}


FAULT_CATEGORIES = ("low", "medium", "high", "critical", "material", "quality")


class FaultEntry(Entry):
    text: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
    kind: Annotated[str, one_of("kind", ("fault", "prompt", "status", "undefined"))] = "fault"
    origin: Annotated[str, one_of("origin", ("internal", "upstream", "downstream"))] = "internal"
    reason: Annotated[str, StringConstraints(max_length=40)] = ""
    category: Annotated[str, one_of("category", FAULT_CATEGORIES)] = "medium"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, dict):
            return value
        return {"text": value, "kind": "undefined" if str(value).strip().lower() == "not defined" else "fault"}


FaultBit = Annotated[int, Field(ge=0, le=255)]


class MachineEntry(Entry):
    name: Name
    kind: Annotated[str, one_of("kind", KINDS)] = "production"
    primary: bool = False
    criticality: int = Field(default=3, ge=1, le=5)
    ideal_cycle_ms: CycleEntry | None = None
    ideal_cycles_ms: dict[Code, CycleEntry] = {}
    faults: dict[FaultBit, FaultEntry] = {}


class PolicyEntry(Entry):
    micro_stop_s: int = Field(default=120, ge=0, le=3600)
    slow_below: float = Field(default=0.9, gt=0, le=1)
    planned_stops_reduce_availability: bool = True
    minor_stops_reduce_availability: bool = False
    no_data_is_lost: bool = False
    target_availability: float = Field(default=0.9, gt=0, le=1)
    target_performance: float = Field(default=0.85, gt=0, le=1)
    target_quality: float = Field(default=0.95, gt=0, le=1)
    valid_from: Moment | None = None


class LineEntry(Entry):
    name: Name
    description: Annotated[str, StringConstraints(max_length=500)] = ""
    target_rate: float = Field(gt=0, le=100_000)
    ideal_cycle_ms: CycleEntry | None = None
    policy: PolicyEntry | None = None
    shifts: dict[ShortName, ShiftEntry] = {}
    rotations: dict[ShortName, RotationEntry] = {}
    special_days: list[SpecialDayEntry] = []
    products: dict[Annotated[int, Field(ge=0, lt=2**31)], Code] = {}
    machines: dict[Code, MachineEntry] = Field(min_length=1)


class TagEntry(Entry):
    """`REAL`, `BOOL[64]` or, on an SLC or MicroLogix, `N7:0` or `B22:0{4}`; or the keys below."""

    address: Annotated[str, StringConstraints(max_length=120)] = ""
    type: DataType | None = None
    length: int = Field(default=1, ge=1, le=1000)
    unit: Annotated[str, StringConstraints(max_length=20)] = ""


class BoundTag(Entry):
    """`Speed`, or `{tag: Speed, scale: 0.1}`."""

    tag: str
    bit: int | None = Field(default=None, ge=0, le=63)
    invert: bool = Field(default=False, alias="not")
    scale: float = 1.0
    offset: float = 0.0
    modulus: int | None = Field(default=None, ge=100, le=2**62)
    max_rate_per_min: float | None = Field(default=None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return value if isinstance(value, dict) else {"tag": value}

    @field_validator("scale")
    @classmethod
    def _scale(cls, value: float) -> float:
        if value == 0:
            raise wrong("a scale of 0 makes every value 0.")
        return value


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


BoundTags = Annotated[list[BoundTag], BeforeValidator(_listed), Field(min_length=1)]
MEANINGS = ("running", "speed", "product", "total_count", "good_count", "reject_count", "fault_bits")


class FeedsEntry(Entry):
    """Which tags say what about one machine. All of `running` must hold; of other lists the first good one is taken."""

    running: BoundTags
    speed: BoundTags | None = None
    product: BoundTags | None = None
    total_count: BoundTags | None = None
    good_count: BoundTags | None = None
    reject_count: BoundTags | None = None
    fault_bits: BoundTags | None = None

    def bound(self) -> Iterator[tuple[str, int, BoundTag]]:
        """(meaning, place in its list from 1, binding)."""
        for meaning in MEANINGS:
            for place, tag in enumerate(getattr(self, meaning) or (), 1):
                yield meaning, place, tag


class ControllerEntry(Entry):
    name: Name
    kind: Annotated[str, one_of("kind of controller", ("logix", "slc", "micrologix"))]
    host: Annotated[str, AfterValidator(_host)]
    port: int = Field(default=44818, ge=1, le=65534)
    slot: int = Field(default=0, ge=0, le=17)
    enabled: bool = True
    scan_s: float = Field(default=1.0, ge=0.1, le=60)
    connect_timeout_s: float = Field(default=2.0, ge=0.1, le=30)
    exchange_timeout_s: float = Field(default=1.0, ge=0.05, le=30)
    expected_serial: Annotated[str, StringConstraints(max_length=20)] = ""
    tags: dict[Annotated[str, StringConstraints(max_length=80)], TagEntry] = {}
    machines: dict[Code, FeedsEntry] = {}

    @field_validator("tags", mode="before")
    @classmethod
    def _written_out(cls, tags: object, info: ValidationInfo) -> object:
        if not isinstance(tags, dict):
            return tags
        if "kind" not in info.data:
            return {}  # what the short forms mean depends on the kind, and that it is wrong is told already
        return {
            key: _tag(value, short="type" if info.data["kind"] == "logix" else "address") for key, value in tags.items()
        }

    def spec(self, name: str) -> TagSpec:
        """The tag as the reader will ask for it. Raises BadAddress with a sentence."""
        tag = self.tags[name]
        spec = TagSpec(name, tag.address or name, tag.type or "", tag.length)
        return replace(spec, data_type=check_tag(self.kind, spec))


def _tag(value: object, *, short: str) -> object:
    """Write the short forms out: a bare type or address, and a length in brackets behind it."""
    entry = dict(value) if isinstance(value, dict) else {short: value}
    written = re.fullmatch(r"(.+?)(?:\[(\d{1,6})\]|\{(\d{1,6})\})", str(entry.get(short, "")))
    if written and "length" not in entry:
        entry[short], entry["length"] = written[1], int(written[2] or written[3])
    return entry


class PlantFile(Entry):
    format: Literal[1] = 1
    site: SiteEntry
    shifts: dict[ShortName, ShiftEntry] = {}
    rotations: dict[ShortName, RotationEntry] = {}
    special_days: list[SpecialDayEntry] = []
    products: dict[Code, ProductEntry] = {}
    lines: dict[Code, LineEntry] = Field(min_length=1)
    controllers: dict[Code, ControllerEntry] = {}
