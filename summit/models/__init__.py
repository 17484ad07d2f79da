"""The tables of summit, one aggregate a module."""

from summit.models.campaigns import Campaign, CampaignEvent, CampaignKind
from summit.models.controls import Control, ControlEvent
from summit.models.edges import TaskEdge
from summit.models.events import SHORTAGES, AttemptRef, TaskEvent
from summit.models.profiles import Profile, Remote, VerificationPolicy
from summit.models.projects import Project
from summit.models.recipes import Dependency, Provider, Recipe
from summit.models.releases import Release
from summit.models.repositories import Repository
from summit.models.shares import Requirement, Share
from summit.models.submissions import Review, Submission, Verdict
from summit.models.tasks import BuildTask, Purpose
from summit.models.verifications import Finding, Verification
from summit.models.webhooks import Delivery, DeliveryOutcome, Webhook
from summit.models.withdrawals import Withdrawal, WithdrawalEvent
from summit.needs import BlockReason, EdgeKind, Usage

__all__ = [
    "SHORTAGES",
    "AttemptRef",
    "BlockReason",
    "BuildTask",
    "Campaign",
    "CampaignEvent",
    "CampaignKind",
    "Control",
    "ControlEvent",
    "Delivery",
    "DeliveryOutcome",
    "Dependency",
    "EdgeKind",
    "Finding",
    "Profile",
    "Project",
    "Provider",
    "Purpose",
    "Recipe",
    "Release",
    "Remote",
    "Repository",
    "Requirement",
    "Review",
    "Share",
    "Submission",
    "TaskEdge",
    "TaskEvent",
    "Usage",
    "Verdict",
    "Verification",
    "VerificationPolicy",
    "Webhook",
    "Withdrawal",
    "WithdrawalEvent",
]
