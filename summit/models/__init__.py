"""The tables of summit, one aggregate a module."""

from summit.models.edges import TaskEdge
from summit.models.events import AttemptRef, TaskEvent
from summit.models.profiles import Profile, Remote
from summit.models.projects import Project
from summit.models.recipes import Dependency, Provider, Recipe
from summit.models.repositories import Repository
from summit.models.submissions import Review, Submission, Verdict
from summit.models.tasks import BuildTask, Purpose
from summit.needs import BlockReason, EdgeKind, Usage

__all__ = [
    "AttemptRef",
    "BlockReason",
    "BuildTask",
    "Dependency",
    "EdgeKind",
    "Profile",
    "Project",
    "Provider",
    "Purpose",
    "Recipe",
    "Remote",
    "Repository",
    "Review",
    "Submission",
    "TaskEdge",
    "TaskEvent",
    "Usage",
    "Verdict",
]
