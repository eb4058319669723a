from django import forms

from andon.domain.call import Priority

PRIORITIES = [(priority.word, priority.word) for priority in Priority]


class Tap(forms.Form):
    """`request_id` makes a repeated tap the same fact; pages without scripts may not send one."""

    request_id = forms.UUIDField(required=False)


class RaiseForm(Tap):
    kind = forms.CharField(max_length=30)
    equipment = forms.CharField(max_length=50, required=False)
    priority = forms.ChoiceField(choices=PRIORITIES, required=False)
    note = forms.CharField(max_length=500, required=False)


class DetailForm(Tap):
    """One of the two at a time. `machine` empty but given: the line as a whole."""

    machine = forms.CharField(max_length=50, required=False)
    priority = forms.ChoiceField(choices=PRIORITIES, required=False)


class WordsForm(Tap):
    """Words of one's own go before those of a button."""

    note = forms.CharField(max_length=1000, required=False)
    words = forms.CharField(max_length=1000, required=False)

    def said(self) -> str:
        return str(self.cleaned_data["words"] or self.cleaned_data["note"])


class ResolveForm(WordsForm):
    """`work_order` says something only where the page `asked`; else it is as usual for the kind of call."""

    asked = forms.BooleanField(required=False)
    work_order = forms.BooleanField(required=False)

    def left_to_do(self) -> bool | None:
        return self.cleaned_data["work_order"] if self.cleaned_data["asked"] else None


class TransferForm(Tap):
    to = forms.CharField(max_length=20)


class PhotoForm(Tap):
    photo = forms.FileField()
