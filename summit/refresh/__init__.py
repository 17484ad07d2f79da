"""Intake: bring a repository's mirror up to date, read what changed, keep it; one bad recipe holds up nobody else."""

from summit.refresh.run import Outcome, refresh_repository

__all__ = ["Outcome", "refresh_repository"]
