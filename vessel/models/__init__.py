"""The tables of vessel, one aggregate a module."""

from vessel.models.branches import Branch
from vessel.models.channels import Channel, Stream, StreamMove, Tag
from vessel.models.imports import Import, ImportEvent
from vessel.models.stones import Stone
from vessel.models.versions import Absence, Membership, Version
from vessel.models.withdrawals import Withdrawal

__all__ = [
    "Absence",
    "Branch",
    "Channel",
    "Import",
    "ImportEvent",
    "Membership",
    "Stone",
    "Stream",
    "StreamMove",
    "Tag",
    "Version",
    "Withdrawal",
]
