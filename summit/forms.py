"""What a person fills in: the verdict of a review, and why they order something."""

from django import forms

from summit.models import Verdict


class ReviewForm(forms.Form):
    """A comment; the button that was pressed is the verdict."""

    comment = forms.CharField(
        required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3}), help_text="Everybody can read it."
    )


class VerdictForm(ReviewForm):
    """The comment together with the verdict, as the server reads it."""

    verdict = forms.ChoiceField(choices=Verdict.choices)


class ReasonForm(forms.Form):
    """Why a person orders something: kept with who and when."""

    reason = forms.CharField(required=False, max_length=300)
