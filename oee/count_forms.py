"""What people send who count parts. `request_id` makes a repeated try the same fact."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from oee.actions.counts import MOST_PARTS
from oee.domain.clock import from_ms
from oee.models import DefectReason


class MachineTime(NamedTuple):
    machine: UUID
    start: datetime
    end: datetime


class PieceField(forms.CharField):
    """A machine and a stretch of its time, as the page offered them."""

    def clean(self, value: str) -> MachineTime:
        text = super().clean(value)
        try:
            machine, start, end = text.split(":")
            return MachineTime(UUID(machine), from_ms(int(start)), from_ms(int(end)))
        except (ValueError, OverflowError) as error:
            raise ValidationError("Choose the hour that you counted.") from error


def parts_field(words: str, *, least: int = 0, required: bool = True) -> forms.IntegerField:
    said = {"required": words, "invalid": words, "min_value": words, "max_value": "That is more than a million parts."}
    return forms.IntegerField(min_value=least, max_value=MOST_PARTS, required=required, error_messages=said)


class ScrapForm(forms.Form):
    """A defect, or the key of an entry that is to be made once more."""

    defect = forms.ModelChoiceField(DefectReason.objects.filter(enabled=True), required=False)
    again = forms.IntegerField(required=False)
    parts = parts_field("Enter how many parts, at least one.", least=1, required=False)
    sort = forms.ChoiceField(choices=[("", ""), *DefectReason.SORTS], required=False)
    request_id = forms.UUIDField(required=False)

    def clean(self) -> dict[str, object]:
        given = super().clean() or {}
        if not self.errors and given.get("defect") is None and given.get("again") is None:
            raise ValidationError("Choose what is wrong with the parts.")
        return given


class CountByHandForm(forms.Form):
    piece = PieceField(max_length=90, error_messages={"required": "Choose the hour that you counted."})
    made = parts_field("Enter how many parts were made.")
    rejected = parts_field("Enter how many of them were rejects.", required=False)
    comment = forms.CharField(max_length=1000, required=False)
    request_id = forms.UUIDField(required=False)


class DecideForm(forms.Form):
    verdict = forms.ChoiceField(choices=[("believe", "Believe"), ("refuse", "Do not believe")])
    comment = forms.CharField(
        max_length=1000, error_messages={"required": "Say why you believe these parts or do not."}
    )
    request_id = forms.UUIDField(required=False)


def first_error(form: forms.Form) -> str:
    return next(str(errors[0]) for errors in form.errors.values())
