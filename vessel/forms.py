"""What a person fills in: where a stream shall point, and why."""

from django import forms


class MoveForm(forms.Form):
    """The version to point to, the one that the person saw it point to, and the reason."""

    version = forms.IntegerField(min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)
    expected = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False, widget=forms.HiddenInput)
    why = forms.CharField(label="Why", max_length=500, help_text="It stands in the stream's history.")
