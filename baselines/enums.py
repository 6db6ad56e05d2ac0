from django.db import models


class BaselineStatus(models.TextChoices):
    SUBMITTED = "submitted", "To review"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    PUBLISHED = "published", "Published"
    ROLLED_BACK = "rolled_back", "Rolled back"


BASELINE_MOVES = {
    BaselineStatus.SUBMITTED: {BaselineStatus.APPROVED, BaselineStatus.REJECTED},
    BaselineStatus.REJECTED: {BaselineStatus.SUBMITTED},
    BaselineStatus.APPROVED: {BaselineStatus.PUBLISHED},
    BaselineStatus.PUBLISHED: {BaselineStatus.ROLLED_BACK},
    BaselineStatus.ROLLED_BACK: set(),
}


class Decision(models.TextChoices):
    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"


class EvidenceKind(models.TextChoices):
    """What of a run a baseline may refer to."""

    NARRATIVE_EXPORT = "narrative_export", "Narrative export"
    QC_METRIC = "qc_metric", "QC metric"


class BaselineEventType(models.TextChoices):
    """What the history of a baseline names (api.md, "Governance")."""

    SUBMITTED = "submitted", "Submitted"
    RESUBMITTED = "resubmitted", "Submitted again"
    APPROVED = "review.approve", "Approved"
    REJECTED = "review.reject", "Rejected"
    PUBLISHED = "published", "Published"
    ROLLED_BACK = "rolled_back", "Rolled back"
    RESTORED = "restored", "Made current again"


EVENT_DETAILS = {
    BaselineEventType.SUBMITTED: {
        "execution_id", "protocol_id", "protocol_version", "name", "description", "labels", "reviewers", "evidence",
        "evidence_left_out",
    },
    BaselineEventType.RESUBMITTED: {"changes"},
    BaselineEventType.APPROVED: {"notes"},
    BaselineEventType.REJECTED: {"notes"},
    BaselineEventType.PUBLISHED: {
        "notes", "version_number", "superseded_id", "superseded_version", "published_by_submitter",
    },
    BaselineEventType.ROLLED_BACK: {"notes", "version_number", "was_current", "restored_id", "restored_version"},
    BaselineEventType.RESTORED: {"notes", "version_number", "rolled_back_id", "rolled_back_version"},
}  # fmt: skip
