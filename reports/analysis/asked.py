"""What somebody asks an analysis for, as the address says it, and which rows that means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse

from floor.domain.reach import REFUSAL, is_within_reach
from floor.domain.shifts import Calendar, ShiftWindow, instant
from floor.models import Equipment, Job, Line
from floor.models.shifts import calendar
from oee.analysis import Days, Judgement, Part, Scope, Silence, Step, Stretch, judgement
from oee.domain.factors import Totals
from oee.domain.readings import STANDARDS, Reading
from oee.evidence import CODES as EVIDENT
from oee.evidence import MOST_DAYS as MOST_DAYS_OF_EVIDENCE
from oee.models import Restatement
from oee.shift import is_silent, live

DAY = timedelta(days=1)
MOST_DAYS = 800
LONGEST_TIMELINE = 2  # days: more of them are no picture any more
WITHIN = 14 * DAY


class Range(StrEnum):
    THIS_SHIFT = "this-shift"
    LAST_SHIFT = "last-shift"
    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "7-days"
    DAYS_30 = "30-days"
    MONTH = "month"
    YEAR = "365-days"


RANGES = (
    (Range.THIS_SHIFT, "This shift, live"),
    (Range.LAST_SHIFT, "Last shift"),
    (Range.TODAY, "Today"),
    (Range.YESTERDAY, "Yesterday"),
    (Range.WEEK, "7 days"),
    (Range.DAYS_30, "30 days"),
    (Range.MONTH, "This month"),
    (Range.YEAR, "365 days"),
)
STANDARD_NAMES = (
    ("company", "Company policy, as judged"),
    *((one.code, one.name) for one in STANDARDS),
)
STEPS = tuple((step.value, step.value) for step in (Step.SHIFT, Step.DAY, Step.WEEK, Step.MONTH))
MEASURES = (("minutes", "Minutes"), ("count", "Number"), ("mtbf", "Time between"))
STOPS = (("unplanned", "Unplanned"), ("all", "Planned too"))
WEEK_OF = (("oee", "OEE"), ("stops", "Stop minutes"))
COMPARED = (("line", "Lines"), ("shift", "Shifts"), ("team", "Teams"), ("product", "Products"), ("job", "Jobs"))
COMPARED_PART = {
    "line": Part.MACHINES,
    "shift": Part.SHIFTS,
    "team": Part.TEAMS,
    "product": Part.PRODUCTS,
    "job": Part.JOBS,
}
ZOOMS = (1, 2, 4, 8, 24, 48)
FACTORS = ("oee", "availability", "performance", "quality")
SHOWN = {"first": "from", "last": "to"}  # what a field is called in addresses; `from` is a word of Python's own


def within_reach(moment: date) -> None:
    """Days before and after it can be reckoned with, in every zone."""
    if not is_within_reach(moment):
        raise ValidationError(REFUSAL)


class AskForm(forms.Form):
    """Every field may be missing; what is there has to make sense."""

    range = forms.ChoiceField(choices=[(one.value, words) for one, words in RANGES], required=False)
    first = forms.DateField(required=False, validators=[within_reach])
    last = forms.DateField(required=False, validators=[within_reach])
    line = forms.MultipleChoiceField(required=False)
    machine = forms.ChoiceField(required=False)
    shift = forms.CharField(max_length=40, required=False)
    team = forms.CharField(max_length=40, required=False)
    product = forms.CharField(max_length=50, required=False)
    job = forms.CharField(max_length=40, required=False)
    standard = forms.ChoiceField(choices=STANDARD_NAMES, required=False)
    by = forms.ChoiceField(choices=STEPS, required=False)
    measure = forms.ChoiceField(choices=MEASURES, required=False)
    stops = forms.ChoiceField(choices=STOPS, required=False)
    week = forms.ChoiceField(choices=WEEK_OF, required=False)
    compare = forms.ChoiceField(choices=COMPARED, required=False)
    zoom = forms.TypedChoiceField(choices=[(hours, hours) for hours in ZOOMS], coerce=int, required=False)
    at = forms.DateTimeField(required=False, validators=[within_reach])

    def __init__(self, asked: QueryDict, machines: Sequence[Equipment]) -> None:
        super().__init__(_renamed(asked))
        codes = dict.fromkeys(machine.line.code for machine in machines)
        self._lines_of = {machine.code: machine.line.code for machine in machines}
        self.fields["line"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]
        self.fields["machine"].choices = [(machine.code, machine.code) for machine in machines]  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.error_messages = {**field.error_messages, **_words(name)}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        if (first is None) != (last is None) and not {"first", "last"} & set(self.errors):
            raise ValidationError("Give both days, from and to, or choose a range.")
        if first and last and first > last:
            raise ValidationError(f"The last day, {last}, is before the first, {first}.")
        if first and last and (last - first).days >= MOST_DAYS:
            raise ValidationError(f"Ask for at most {MOST_DAYS} days at once.")
        if given.get("job") and not Job.objects.filter(number=given["job"]).exists():
            raise ValidationError(f"There is no job {given['job']}.")
        if given.get("machine") and set(given.get("line", [])) - {self._lines_of[given["machine"]]}:
            raise ValidationError(
                f"{given['machine']} belongs to {self._lines_of[given['machine']]}; choose that line."
            )
        return given

    @property
    def said(self) -> list[str]:
        """What is wrong, as sentences."""
        return [str(error) for errors in self.errors.values() for error in errors]


def _renamed(asked: QueryDict) -> QueryDict:
    renamed = asked.copy()
    for inside, name in SHOWN.items():
        if name in asked:
            renamed.setlist(inside, asked.getlist(name))
    return renamed


def _words(name: str) -> dict[str, str]:
    shown = SHOWN.get(name, name)
    choice = f"“%(value)s” is nothing that {shown} can be."
    day = f"“{shown}” is no day; write it as 2026-11-27."
    return {"invalid_choice": choice, "invalid": day if shown in ("from", "to") else f"“{shown}” is no moment."}


@dataclass(frozen=True, slots=True)
class Span:
    """The days or the shifts of one line that are meant, in real time."""

    since: datetime
    until: datetime
    shift: ShiftWindow | None = None
    shift_before: ShiftWindow | None = None


class Asked:
    """What a valid form means at `now`."""

    form: type[AskForm] = AskForm

    def __init__(self, given: Mapping[str, Any], machines: Sequence[Equipment], now: datetime) -> None:
        self.given = given
        self.now = now
        self.every_machine = tuple(machines)

    @cached_property
    def every_line(self) -> tuple[Line, ...]:
        return tuple(dict.fromkeys(machine.line for machine in self.every_machine))

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        if self.machine is not None:
            return (self.machine.line,)
        chosen = self.given.get("line")
        return tuple(line for line in self.every_line if not chosen or line.code in chosen)

    @cached_property
    def machine(self) -> Equipment | None:
        return next((one for one in self.every_machine if one.code == self.given.get("machine")), None)

    @cached_property
    def speakers(self) -> tuple[Equipment, ...]:
        """The machine whose figures a line shows: the one that was asked for, else its constraint."""
        if self.machine is not None:
            return (self.machine,)
        first: dict[Line, Equipment] = {}
        for machine in self.every_machine:
            first.setdefault(machine.line, machine)
        return tuple(first[line] for line in self.lines)

    @cached_property
    def others(self) -> tuple[Equipment, ...]:
        lines, speakers = set(self.lines), set(self.speakers)
        return tuple(one for one in self.every_machine if one.line in lines and one not in speakers)

    @cached_property
    def zone(self) -> ZoneInfo:
        return self.lines[0].site.zone

    @property
    def range(self) -> Range | None:
        """None: days of one's own."""
        if self.given.get("first"):
            return None
        return Range(self.given.get("range") or Range.WEEK)

    @property
    def is_shift(self) -> bool:
        return self.range in (Range.THIS_SHIFT, Range.LAST_SHIFT)

    @property
    def is_live(self) -> bool:
        return self.range in (Range.THIS_SHIFT, Range.TODAY)

    @cached_property
    def days(self) -> Days:
        if self.is_shift:
            return _covering(span.shift.work_date for span in self.spans.values() if span.shift) or self._today_only
        return self._asked_days

    @property
    def _today_only(self) -> Days:
        return Days(self.today, self.today)

    @cached_property
    def _asked_days(self) -> Days:
        today = self.today
        match self.range:
            case None:
                return Days(self.given["first"], self.given["last"])
            case Range.YESTERDAY:
                return Days(today - DAY, today - DAY)
            case Range.WEEK:
                return Days(today - 6 * DAY, today)
            case Range.DAYS_30:
                return Days(today - 29 * DAY, today)
            case Range.MONTH:
                return Days(today.replace(day=1), today)
            case Range.YEAR:
                return Days(today - 364 * DAY, today)
        return self._today_only

    @cached_property
    def before(self) -> Days:
        """As many days before, or those of the shifts before."""
        if self.is_shift:
            shifts = (span.shift_before.work_date for span in self.spans.values() if span.shift_before)
            return _covering(shifts) or Days(self.today - DAY, self.today - DAY)
        return self.days.before

    @cached_property
    def today(self) -> date:
        """The production day: that of the shift that is on, else the date by the plant's clock."""
        on = [window.work_date for cal in set(self._calendars.values()) if (window := cal.at(self.now))]
        return max(on, default=self.now.astimezone(self.zone).date())

    @cached_property
    def _calendars(self) -> dict[Line, Calendar]:
        return {line: calendar(line) for line in self.lines}

    @cached_property
    def spans(self) -> dict[Line, Span]:
        """A line without a shift in sight is left out of a range of shifts."""
        find = self._shift_of if self.is_shift else self._days_of
        found = {one: find(one) for one in set(self._calendars.values())}
        return {line: span for line, one in self._calendars.items() if (span := found[one]) is not None}

    def _shift_of(self, one: Calendar) -> Span | None:
        windows = [window for window in one.between(self.now - WITHIN, self.now) if window.starts_at <= self.now]
        if self.range is Range.LAST_SHIFT:
            windows = [window for window in windows if window.ends_at <= self.now]
        if not windows:
            return None
        shift, before = windows[-1], windows[-2] if len(windows) > 1 else None
        return Span(shift.starts_at, shift.ends_at, shift, before)

    def _days_of(self, one: Calendar) -> Span:
        days = self._asked_days
        return Span(day_start(one, days.first), day_start(one, days.last + DAY))

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        return tuple(
            Stretch(machine.line_id, machine.id, span.since, span.until)
            for machine in self.speakers
            if (span := self.spans.get(machine.line))
        )

    @cached_property
    def silences(self) -> list[Silence]:
        """What machines that were once heard of have not told of these days."""
        return [silence for machine in self.speakers if (silence := self._silence(machine))]

    def _silence(self, machine: Equipment) -> Silence | None:
        state, span = live(machine), self.spans.get(machine.line)
        if state is None or state.observed_until is None or span is None or not is_silent(state, self.now):
            return None
        start, end = max(state.observed_until, span.since), min(self.now, span.until)
        if start >= end:
            return None
        windows = self._calendars[machine.line].between(start, end)
        return Silence(machine.line_id, machine.id, windows, start, end, self.judgement.rules[machine.line_id])

    # ------------------------------------------------------------ where it leads

    def address(self, other: Mapping[str, str | None]) -> str:
        """The same question with other answers (None: without one), of the whole of its time."""
        said = {SHOWN.get(name, name): value for name, value in self.given.items() if value}
        said |= {"zoom": None, "at": None, **other}
        return "?" + urlencode({name: value for name, value in said.items() if value is not None}, doseq=True)

    @property
    def opens_shifts(self) -> bool:
        """Evidence can be shown of each of these shifts: one machine's, all of its hours, as they were judged."""
        return (
            len(self.lines) == 1 and self.reading is None and not (self.given.get("product") or self.given.get("job"))
        )

    @property
    def opens_days(self) -> bool:
        return self.opens_shifts and not self.narrowed_to

    @cached_property
    def _evidence(self) -> dict[str, str] | None:
        """The question about all of these hours; None where they are too many or not all that there were."""
        if not (self.opens_days and self.spans) or self.days.count > MOST_DAYS_OF_EVIDENCE:
            return None
        if self.is_shift:
            [span] = self.spans.values()
            return None if span.shift is None else {"shift": span.shift.starts_at.isoformat()}
        return {"date": str(self.days.first), **({"until": str(self.days.last)} if self.days.count > 1 else {})}

    def evidence_href(self, kpi: str, question: Mapping[str, str] | None = None, machine: str = "") -> str:
        """To what a figure of these hours, or of those in the question, was made of; empty where no panel shows it."""
        asked = self._evidence if question is None else question
        machine = machine or self.given.get("machine", "")
        if asked is None or kpi not in EVIDENT:
            return ""
        said = {**asked, **({"equipment": machine} if machine else {})}
        return f"{reverse('evidence', args=[self.lines[0].code, kpi])}?{urlencode(said)}"

    def calls_href(self, of_whom: Mapping[str, str]) -> str:
        """To the calls of these days, of a line or a machine; empty where only those of some hours are meant."""
        if self.narrowed_to:
            return ""
        days = {"range": self.range} if self.range else {"from": self.days.first, "to": self.days.last}
        return f"{reverse('reports:calls')}?{urlencode({**days, **of_whom, 'place': 'machine'})}"

    @property
    def step(self) -> Step:
        if self.given.get("by"):
            return Step(self.given["by"])
        days = self.days.count
        return Step.SHIFT if days <= 7 else Step.DAY if days <= 62 else Step.WEEK

    @property
    def reading(self) -> Reading | None:
        """The standard to read by; None: the policy by which every shift was judged."""
        return next((one for one in STANDARDS if one.code == self.given.get("standard")), None)

    @cached_property
    def judgement(self) -> Judgement:
        return judgement(self.lines, self.stretches, self.every_restatement)

    @cached_property
    def every_restatement(self) -> list[Restatement]:
        """Of these lines, whenever, in the order in which they were made."""
        rows = Restatement.objects.filter(line__in=self.lines).order_by("pk")
        return list(rows.select_related("author", "line").defer("before", "after"))

    @cached_property
    def scope(self) -> Scope:
        spans = self.spans.values()
        return Scope(
            speakers=tuple(machine.id for machine in self.speakers),
            parts=self._parts,
            others=tuple(machine.id for machine in self.others),
            days=self.days,
            before=self.before,
            stretches=self.stretches,
            step=self.step,
            zone=self.zone.key,
            shifts=_starts(span.shift for span in spans) if self.is_shift else None,
            shifts_before=_starts(span.shift_before for span in spans) if self.is_shift else None,
            shift=self.given.get("shift", ""),
            team=self.given.get("team", ""),
            product=self.given.get("product", ""),
            job=self.given.get("job", ""),
            judged=self.judgement.steps,
        )

    @property
    def _parts(self) -> frozenset[Part]:
        always = (Part.PERIODS, Part.MACHINES, Part.WEEK, Part.BEFORE, Part.OFFERED)
        judged = (Part.POLICIES,) if self.judgement.steps else ()
        return frozenset((*always, *judged, COMPARED_PART[self.choice("compare")]))

    @property
    def narrowed_to(self) -> list[str]:
        """The shift, team, product and job that were asked for."""
        return [str(self.given[name]) for name in ("shift", "team", "product", "job") if self.given.get(name)]

    @property
    def standard_name(self) -> str:
        return dict(STANDARD_NAMES)[self.choice("standard")]

    @property
    def shift_labels(self) -> list[str]:
        """The shifts of a range of shifts; lines mostly share one."""
        labels = (span.shift.label(self.zone) for span in self.spans.values() if span.shift)
        return list(dict.fromkeys(labels))

    @property
    def has_timeline(self) -> bool:
        return self.days.count <= LONGEST_TIMELINE and bool(self.spans)

    def choice(self, name: str) -> str:
        """What was chosen, or the first of the choices."""
        field: Any = self.form.base_fields[name]
        return str(self.given.get(name) or field.choices[0][0])


def completeness(totals: Totals) -> float | None:
    """How much of the time that was meant for production was observed; None when none was meant."""
    return totals.observed_ms / totals.scheduled_ms if totals.scheduled_ms > 0 else None


def _covering(days: Iterable[date]) -> Days | None:
    held = sorted(days)
    return Days(held[0], held[-1]) if held else None


def _starts(windows: Iterable[ShiftWindow | None]) -> tuple[datetime, ...]:
    return tuple({window.starts_at for window in windows if window is not None})


def day_start(one: Calendar, day: date) -> datetime:
    """When a production day begins: at midnight, or when the last shift of the day before is over."""
    midnight = instant(one.zone, datetime.combine(day, time()))
    around = one.between(midnight - DAY, midnight + DAY)
    return max([midnight, *(window.ends_at for window in around if window.work_date < day)]).astimezone(UTC)
