"""Asking for a refresh: by a person, a webhook or the poll."""

from datetime import datetime

from django.db import transaction

from summit import doorbell
from summit.models import Repository


def request_refresh(repository: Repository, *, at: datetime) -> None:
    """Notes that a repository is to be refreshed, and rings the workers."""
    with transaction.atomic():
        repository.request_refresh(at=at)
        doorbell.ring(doorbell.REFRESH, repository=repository.pk)
