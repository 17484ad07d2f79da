"""How far a build task may come, and from where.

    in-review ──▶ queued ──▶ building ──▶ (verifying ──▶) publishing ──▶ completed
        │          ▲  │ ▲        │                            │
        ▼          │  ▼ └────────┴── infrastructure failed ───┘
    rejected      blocked

    in-review, queued, blocked ──▶ superseded      queued, blocked, building, verifying, publishing ──▶ failed
    in-review, queued, blocked, building, verifying ──▶ cancelled
    failed, cancelled ── retry ──▶ queued

Verifying, it is built a second time by a builder of another owner, more than once where the machines let one down.
A queued task is ready when none of its needs is unmet. A blocked one cannot run until a person or a new commit acts.
"""

from django.db.models import TextChoices


class TaskStatus(TextChoices):
    """How far a build task has come."""

    IN_REVIEW = "in-review"
    QUEUED = "queued"
    BLOCKED = "blocked"
    BUILDING = "building"
    VERIFYING = "verifying"
    PUBLISHING = "publishing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"


WAITING = frozenset({TaskStatus.IN_REVIEW, TaskStatus.QUEUED, TaskStatus.BLOCKED})
IN_PROGRESS = frozenset({TaskStatus.BUILDING, TaskStatus.VERIFYING, TaskStatus.PUBLISHING})
OPEN = WAITING | IN_PROGRESS
CLOSED = frozenset(TaskStatus) - OPEN
# What goes on by itself; a blocked build waits for a person.
MOVING = OPEN - {TaskStatus.BLOCKED}
# Ended without a result, and a person may say: once more.
RETRYABLE = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
# Whoever needs such a task cannot go on either.
STUCK = RETRYABLE | {TaskStatus.BLOCKED, TaskStatus.REJECTED}

# target → the states it may be reached from
SOURCES: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.IN_REVIEW: frozenset(),
    TaskStatus.QUEUED: frozenset(
        {TaskStatus.IN_REVIEW, TaskStatus.BLOCKED, TaskStatus.BUILDING, TaskStatus.VERIFYING, TaskStatus.PUBLISHING}
    )
    | RETRYABLE,
    TaskStatus.BLOCKED: frozenset({TaskStatus.QUEUED, TaskStatus.BLOCKED}),
    TaskStatus.BUILDING: frozenset({TaskStatus.QUEUED}),
    TaskStatus.VERIFYING: frozenset({TaskStatus.BUILDING, TaskStatus.VERIFYING}),
    TaskStatus.PUBLISHING: frozenset({TaskStatus.BUILDING, TaskStatus.VERIFYING}),
    TaskStatus.COMPLETED: frozenset({TaskStatus.PUBLISHING}),
    TaskStatus.FAILED: frozenset({TaskStatus.QUEUED, TaskStatus.BLOCKED}) | IN_PROGRESS,
    TaskStatus.CANCELLED: WAITING | {TaskStatus.BUILDING, TaskStatus.VERIFYING},
    TaskStatus.SUPERSEDED: WAITING,
    TaskStatus.REJECTED: frozenset({TaskStatus.IN_REVIEW}),
}
# A person may say that it failed until the repository has it: then it may be published any moment.
GIVEN_UP_FROM = SOURCES[TaskStatus.FAILED] - {TaskStatus.PUBLISHING}


class SubmissionStatus(TextChoices):
    """What became of a proposal: in-review ──▶ accepted | rejected."""

    IN_REVIEW = "in-review"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class RefreshStatus(TextChoices):
    """What a repository's refresh is doing: fresh ──▶ refreshing ──▶ idle | failed, and again."""

    FRESH = "fresh"
    REFRESHING = "refreshing"
    IDLE = "idle"
    FAILED = "failed"


class CampaignStatus(TextChoices):
    """How far a campaign has come.

        draft ──▶ starting ──▶ running ◀──▶ ready ──▶ publishing ──▶ published
          ▲           │                       ▲            │
          └───────────┘ could not start       └────────────┘ could not be published

        draft, starting, running, ready ──▶ abandoned

    It is ready when nothing of it moves any more; what failed and what is blocked a person looks at then.
    """

    DRAFT = "draft"
    STARTING = "starting"
    RUNNING = "running"
    READY = "ready"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    ABANDONED = "abandoned"


CAMPAIGN_OPEN = frozenset(CampaignStatus) - {CampaignStatus.PUBLISHED, CampaignStatus.ABANDONED}

# target → the states it may be reached from
CAMPAIGN_SOURCES: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    CampaignStatus.DRAFT: frozenset({CampaignStatus.STARTING}),
    CampaignStatus.STARTING: frozenset({CampaignStatus.DRAFT}),
    CampaignStatus.RUNNING: frozenset({CampaignStatus.STARTING, CampaignStatus.READY}),
    CampaignStatus.READY: frozenset({CampaignStatus.RUNNING, CampaignStatus.PUBLISHING}),
    CampaignStatus.PUBLISHING: frozenset({CampaignStatus.READY}),
    CampaignStatus.PUBLISHED: frozenset({CampaignStatus.PUBLISHING}),
    CampaignStatus.ABANDONED: CAMPAIGN_OPEN - {CampaignStatus.PUBLISHING},
}


class WithdrawalStatus(TextChoices):
    """What became of a person's word that packages shall leave a stream: ordered ──▶ done | refused."""

    ORDERED = "ordered"
    DONE = "done"
    REFUSED = "refused"


class IllegalTransition(Exception):
    """The row is not, or no longer, in a state that allows this."""
