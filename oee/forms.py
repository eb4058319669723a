from django import forms


class CodeStopForm(forms.Form):
    """`request_id` makes a repeated try the same fact; pages without scripts do not send one."""

    reason = forms.CharField(max_length=40)
    request_id = forms.UUIDField(required=False)
    comment = forms.CharField(max_length=1000, required=False)
