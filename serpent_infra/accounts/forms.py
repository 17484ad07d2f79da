"""What a person fills in about their own access: a new API token."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from serpent_infra.accounts.models import ServiceToken, User

_LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "no end")]


class TokenForm(forms.Form):
    """Names a token and says how much it may do and for how long."""

    name = forms.CharField(max_length=100, help_text="For yourself: what uses it, and where.")
    days = forms.ChoiceField(label="Valid for", choices=_LIFETIMES, required=False, initial="90")
    may_write = forms.BooleanField(
        label="May change things, not only read", required=False, help_text="It then may do all that you may do."
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:  # noqa: ANN401 - Django's arguments, handed on
        super().__init__(*args, **kwargs)
        self.owner = owner

    def clean_name(self) -> str:
        """Refuses a name that the owner's tokens already use."""
        name: str = self.cleaned_data["name"]
        if ServiceToken.objects.filter(owner=self.owner, name=name).exists():
            raise forms.ValidationError("You have a token of this name. Choose another, or revoke that one.")
        return name

    def issue(self) -> tuple[ServiceToken, str]:
        """Makes the token and gives it with its secret."""
        days = self.cleaned_data["days"]
        return ServiceToken.issue(
            owner=self.owner,
            name=self.cleaned_data["name"],
            is_read_only=not self.cleaned_data["may_write"],
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
        )
