"""Pausing and resuming a project or one of its profiles: what runs goes on, nothing more is dispatched meanwhile."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from summit import doorbell
from summit.models import Control, ControlEvent, Profile, Project
from summit.states import IllegalTransition

if TYPE_CHECKING:
    from serpent_infra.accounts.models import User


def pause(subject: Project | Profile, *, actor: "User", why: str = "", at: datetime) -> None:
    """Stops the dispatch of a project or profile until it is resumed; `IllegalTransition` when it is paused."""
    _switch(subject, Control.PAUSE, actor=actor, why=why, at=at)


def resume(subject: Project | Profile, *, actor: "User", why: str = "", at: datetime) -> None:
    """Lets the dispatch go on, at once; `IllegalTransition` when it is not paused."""
    _switch(subject, Control.RESUME, actor=actor, why=why, at=at)


def _switch(subject: Project | Profile, action: Control, *, actor: "User", why: str, at: datetime) -> None:
    is_paused = action is Control.PAUSE
    with transaction.atomic():
        if not type(subject).objects.filter(pk=subject.pk, is_paused=not is_paused).update(is_paused=is_paused):
            raise IllegalTransition(f"{subject} is {'paused already' if is_paused else 'not paused'}")
        ControlEvent.note(subject, action, actor=actor, why=why, at=at)
        doorbell.ring(doorbell.DISPATCH)
    subject.is_paused = is_paused
