from datetime import datetime

from django import forms

from floor.domain.reach import REFUSAL, is_within_reach


class Moment(forms.CharField):
    """A moment with its offset, as the page wrote it."""

    def to_python(self, value: object) -> datetime | None:  # type: ignore[override]
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError as error:
            raise forms.ValidationError("This is no moment.") from error
        if moment.tzinfo is None:
            raise forms.ValidationError("The offset is missing.")
        if not is_within_reach(moment):
            raise forms.ValidationError(REFUSAL)
        return moment


class AskForm(forms.Form):
    shift = Moment()
