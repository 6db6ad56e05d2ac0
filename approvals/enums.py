from django.db import models


class LadderStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"


LADDER_MOVES = {
    LadderStatus.PENDING: {LadderStatus.APPROVED, LadderStatus.REJECTED},
    # By a reset, which opens the next cycle.
    LadderStatus.APPROVED: {LadderStatus.PENDING},
    LadderStatus.REJECTED: {LadderStatus.PENDING},
}


class StageStatus(models.TextChoices):
    PENDING = "pending", "Waiting"
    IN_PROGRESS = "in_progress", "In progress"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    RESET = "reset", "Reset"


STAGE_MOVES = {
    StageStatus.PENDING: {StageStatus.IN_PROGRESS, StageStatus.RESET},
    StageStatus.IN_PROGRESS: {StageStatus.APPROVED, StageStatus.REJECTED, StageStatus.PENDING, StageStatus.IN_PROGRESS},
    StageStatus.APPROVED: {StageStatus.IN_PROGRESS, StageStatus.PENDING},
    StageStatus.REJECTED: {StageStatus.IN_PROGRESS, StageStatus.PENDING},
    StageStatus.RESET: {StageStatus.PENDING, StageStatus.IN_PROGRESS},
}


class ActionType(models.TextChoices):
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    DELEGATED = "delegated", "Delegated"
    REASSIGNED = "reassigned", "Reassigned"
    RESET = "reset", "Reset"
    ESCALATED = "escalated", "Escalated"
    COMMENT = "comment", "Comment"


class Meaning(models.TextChoices):
    """What a signature says (21 CFR 11.50(a)(3)); the codes are stable and part of the signed statement."""

    APPROVED = "approved", "I have reviewed this record and approve it"
    REVIEWED = "reviewed", "I have reviewed this record"
    RESPONSIBLE = "responsible", "I am responsible for this record"
    AUTHOR = "author", "I am the author of this record"
    REJECTED = "rejected", "I have reviewed this record and reject it"


class ClaimStep(models.TextChoices):
    """What a comment about a claim says in its metadata, as `claim`."""

    CLAIMED = "claimed", "Claimed"
    TAKEN_OVER = "taken_over", "Taken over"
    RELEASED = "released", "Released"
