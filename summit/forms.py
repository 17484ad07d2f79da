"""What a person fills in: the verdict of a review, why they order something, and what a campaign rebuilds."""

from django import forms

from summit.models import CampaignKind, Profile, Verdict


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


class WithdrawalForm(forms.Form):
    """Why packages are withdrawn, which ones were looked at, and whether they go although something needs them."""

    reason = forms.CharField(
        max_length=300, label="Why", help_text="Everybody can read it; it stands in the stream's history, too."
    )
    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)
    is_confirmed = forms.BooleanField(required=False, label="Withdraw it although something needs it")


class PublishForm(ReasonForm):
    """How many builds without a result are left out; the page says the number, and it must still be true."""

    without = forms.IntegerField(required=False, min_value=0)


class RebuildForm(ReasonForm):
    """For which profile a recipe is built again."""

    profile = forms.ModelChoiceField(Profile.objects.select_related("project"))


class CampaignForm(forms.Form):
    """Which recipes a campaign rebuilds, for which profile, and why."""

    profile = forms.ModelChoiceField(
        Profile.objects.select_related("project").order_by("project__slug", "name"), empty_label=None
    )
    kind = forms.ChoiceField(choices=CampaignKind.choices, label="Rebuild")
    argument = forms.CharField(
        required=False,
        max_length=100_000,
        strip=True,
        label="Which",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="A capability such as <code>soname(libz.so.1(x86_64))</code>, the name of a recipe, "
        "or several names. Empty for all recipes.",
    )
    title = forms.CharField(required=False, max_length=200, help_text="Empty to have it named after what it rebuilds.")
    why = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
