"""Service tokens: what a script may do with one."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from serpent_infra.accounts.authentication import ServiceTokenAuthentication
from serpent_infra.accounts.models import ServiceToken, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ada", "ada@example.org", "a long password")


def issue(user: User, *, is_read_only: bool = True, expires_at: datetime | None = None) -> str:
    _, secret = ServiceToken.issue(owner=user, name="ci", is_read_only=is_read_only, expires_at=expires_at)
    return secret


def authenticate(secret: str, method: str = "get") -> User | None:
    request = getattr(APIRequestFactory(), method)("/", headers={"authorization": f"Bearer {secret}"})
    scheme: BaseAuthentication = ServiceTokenAuthentication()
    result = scheme.authenticate(Request(request))
    return None if result is None else result[0]


def test_a_token_signs_its_owner_in(user: User) -> None:
    assert authenticate(issue(user)) == user


def test_the_secret_is_not_kept(user: User) -> None:
    secret = issue(user)
    assert secret not in str(ServiceToken.objects.values().get())


def test_a_read_only_token_changes_nothing(user: User) -> None:
    secret = issue(user)
    with pytest.raises(PermissionDenied):
        authenticate(secret, "post")


def test_a_full_token_may(user: User) -> None:
    assert authenticate(issue(user, is_read_only=False), "post") == user


def test_an_expired_token_is_refused(user: User) -> None:
    secret = issue(user, expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(AuthenticationFailed):
        authenticate(secret)


def test_the_token_of_a_closed_account_is_refused(user: User) -> None:
    secret = issue(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(AuthenticationFailed):
        authenticate(secret)


def test_other_bearers_are_left_to_other_schemes() -> None:
    assert authenticate("eyJhbGciOiJFZERTQSJ9.e30.x") is None


def test_unknown_tokens_are_refused() -> None:
    with pytest.raises(AuthenticationFailed):
        authenticate("srp_unknown")
