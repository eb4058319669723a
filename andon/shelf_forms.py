from datetime import timedelta
from typing import Any

from django import forms

from andon.forms import Tap
from andon.models import CallKind
from andon.models.shelves import LONGEST
from floor.models import Equipment

HOURS = [(f"{hours:g}", f"{hours:g} h" if hours >= 1 else "30 min") for hours in (0.5, 1, 2, 4, 8)]
LONGEST_HOURS = LONGEST / timedelta(hours=1)


class ShelveForm(Tap):
    """One source, either a kind of call or a fault, and why it is to be silent for how long."""

    equipment = forms.CharField(max_length=50)
    kind = forms.CharField(max_length=30, required=False)
    bit = forms.IntegerField(min_value=0, max_value=255, required=False)
    hours = forms.FloatField(
        min_value=0.1, max_value=LONGEST_HOURS, error_messages={"max_value": "Shelve for at most eight hours."}
    )
    reason = forms.CharField(max_length=300, error_messages={"required": "Say in a few words why."})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if bool(cleaned.get("kind")) == (cleaned.get("bit") is not None):
            raise forms.ValidationError("Choose one source: a kind of call, or a fault.")
        cleaned["machine"] = self._machine(str(cleaned.get("equipment", "")))
        if code := cleaned.get("kind"):
            cleaned["call_kind"] = self._kind(code)
        return cleaned

    def _machine(self, code: str) -> Equipment:
        machine = Equipment.objects.select_related("line__site").filter(code=code).first()
        if machine is None:
            raise forms.ValidationError("Choose a machine.")
        return machine

    def _kind(self, code: str) -> CallKind:
        kind = CallKind.objects.filter(code=code).first()
        if kind is None:
            raise forms.ValidationError(f"There is no call of the kind {code!r}.")
        return kind

    def first_error(self) -> str:
        return str(next(iter(self.errors.values()))[0])
