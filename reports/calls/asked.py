"""What somebody asks about calls for help, as the address says it, and which calls that means."""

from collections.abc import Sequence
from functools import cached_property

from django import forms
from django.http import QueryDict

from andon.domain.call import Priority
from andon.models import Call, CallKind
from andon.response import Period, Stretch, Wanted
from floor.models import Equipment, Line
from reports.analysis.asked import DAY, Asked, AskForm, Span, day_start

PLACES = (("kind", "Kinds"), ("line", "Lines"), ("machine", "Machines"))
WEIGHTS = (("calls", "Number"), ("wait", "Waiting"))
WEEK_OF = (("calls", "Number of calls"), ("answer", "Time to the answer"))
COMPARED = (("line", "Lines"), ("kind", "Kinds"), ("priority", "Priorities"))
PRIORITIES = tuple((one.word, one.word) for one in reversed(Priority))
OF_OEE_ONLY = ("shift", "team", "product", "standard", "by", "measure", "stops", "zoom", "at")
SOURCES = tuple(Call.Source.choices)


class CallsForm(AskForm):
    """Every field may be missing; what is there has to make sense."""

    kind = forms.ChoiceField(required=False)
    priority = forms.ChoiceField(choices=PRIORITIES, required=False)
    source = forms.ChoiceField(choices=SOURCES, required=False)
    place = forms.ChoiceField(choices=PLACES, required=False)
    weight = forms.ChoiceField(choices=WEIGHTS, required=False)
    week = forms.ChoiceField(choices=WEEK_OF, required=False)
    compare = forms.ChoiceField(choices=COMPARED, required=False)

    def __init__(self, asked: QueryDict, machines: Sequence[Equipment], kinds: Sequence[CallKind]) -> None:
        super().__init__(asked, machines)
        for name in OF_OEE_ONLY:
            del self.fields[name]
        self.fields["kind"].choices = [(kind.code, kind.label) for kind in kinds]  # type: ignore[attr-defined]


class CallsAsked(Asked):
    """What a valid form means at `now`."""

    form = CallsForm

    @cached_property
    def wanted(self) -> Wanted:
        found = [Stretch(line.pk, Period.NOW, span.since, span.until) for line, span in self.spans.items()]
        for line, span in self.spans_before.items():
            found.append(Stretch(line.pk, Period.BEFORE, span.since, span.until))
        return Wanted(
            stretches=tuple(found),
            zone=self.zone.key,
            machine=self.machine.code if self.machine else "",
            kind=self.given.get("kind", ""),
            priority=Priority[self.given["priority"].upper()] if self.given.get("priority") else None,
            source=self.given.get("source", ""),
        )

    @cached_property
    def spans_before(self) -> dict[Line, Span]:
        if self.is_shift:
            shifts = ((line, span.shift_before) for line, span in self.spans.items())
            return {line: Span(one.starts_at, one.ends_at) for line, one in shifts if one is not None}
        first, last = self.before.first, self.before.last
        calendars = self._calendars.items()
        return {line: Span(day_start(one, first), day_start(one, last + DAY)) for line, one in calendars}
