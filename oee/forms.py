"""What people send about stops. Times travel as whole milliseconds: a form never guesses a zone or a day."""

from datetime import datetime
from typing import Any

from django import forms

from oee.actions.stops import NOT_SEEN
from oee.domain.clock import from_ms

LONGEST_MIN = 7 * 24 * 60


class MomentField(forms.IntegerField):
    """Milliseconds since 1970; a moment once cleaned."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=4_102_444_800_000, **options)

    def clean(self, value: Any) -> datetime | None:
        ms = super().clean(value)
        return None if ms is None else from_ms(ms)


class Tap(forms.Form):
    """`request_id` makes a repeated try the same fact; pages without scripts may not send one."""

    request_id = forms.UUIDField(required=False)
    comment = forms.CharField(max_length=1000, required=False)


class SeenTap(Tap):
    """`seen` is the last thing said about the stop when the page was drawn; left out, nobody is asked."""

    seen = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        return given if "seen" in self.data else {**given, "seen": NOT_SEEN}


class CodeStopForm(SeenTap):
    reason = forms.CharField(max_length=40)
    part = MomentField(required=False)


class SplitStopForm(SeenTap):
    at = MomentField()
    side = forms.ChoiceField(choices=[("before", "before"), ("after", "after")], required=False)
    reason = forms.CharField(max_length=40, required=False)


class MergeStopsForm(Tap):
    other = forms.UUIDField()
    run_is_stop = forms.BooleanField(required=False)


class PlanStopForm(Tap):
    reason = forms.CharField(max_length=40)
    start = MomentField(required=False)
    expected_min = forms.IntegerField(required=False, min_value=1, max_value=LONGEST_MIN)


class AddStopForm(Tap):
    reason = forms.CharField(max_length=40)
    start = MomentField()
    end = MomentField()
