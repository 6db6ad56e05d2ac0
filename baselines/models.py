import uuid

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from baselines.enums import BaselineEventType, BaselineStatus, EvidenceKind
from experiments.models import Execution, Protocol
from ledger import triggers
from ledger.canonical import loads
from ledger.models import ChainedRecord, Record

USER = settings.AUTH_USER_MODEL
NUMBERED = ("published", "rolled_back")


class BaselineQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Those of runs the person sees, and those that name them as a reviewer; administrators see all."""
        if user.is_admin:
            return self
        named = BaselineReviewer.objects.filter(baseline=OuterRef("pk"), user=user)
        return self.filter(Q(execution__in=Execution.objects.visible_to(user)) | Exists(named))


class Baseline(models.Model):
    """A run put forward as the standard of its protocol. Changes only while the protocol's row is locked.

    `version_number` counts the protocol's publications and stays after a rollback; `rollback_of` is the version that
    became current again when this one was rolled back. `evidence_round` counts the choices of what the run showed.
    `event_count` and `event_head` belong to its own history.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(Execution, models.PROTECT, related_name="baselines")
    protocol = models.ForeignKey(Protocol, models.PROTECT, related_name="baselines")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)  # Markdown
    status = models.CharField(max_length=12, choices=BaselineStatus.choices, default=BaselineStatus.SUBMITTED)
    version_number = models.PositiveIntegerField("version", null=True, blank=True)
    is_current = models.BooleanField("current", default=False)
    reviewers = models.ManyToManyField(USER, through="BaselineReviewer", related_name="baselines_to_review")
    submitted_by = models.ForeignKey(USER, models.PROTECT, related_name="submitted_baselines")
    submitted_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="reviewed_baselines")
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_notes = models.TextField(blank=True)
    published_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="published_baselines")
    published_at = models.DateTimeField(null=True, blank=True)
    publish_notes = models.TextField(blank=True)
    rollback_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="restored_by", verbose_name="current in its place"
    )
    rolled_back_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    rolled_back_at = models.DateTimeField(null=True, blank=True)
    rollback_notes = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    evidence_round = models.PositiveIntegerField("choice of evidence", default=1, editable=False)
    event_count = models.PositiveBigIntegerField(default=0, editable=False)
    event_head = models.CharField(max_length=64, blank=True, editable=False)

    objects = BaselineQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["protocol", "version_number"], name="baseline_version_once_per_protocol"),
            models.UniqueConstraint(
                fields=["protocol"], condition=Q(is_current=True), name="one_current_baseline_per_protocol"
            ),
            models.CheckConstraint(
                condition=Q(is_current=False) | Q(status="published"), name="baseline_current_is_published"
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=NUMBERED,
                    version_number__gte=1,
                    published_at__isnull=False,
                    published_by__isnull=False,
                )
                | (
                    ~Q(status__in=NUMBERED)
                    & Q(version_number__isnull=True, published_at__isnull=True, published_by__isnull=True)
                ),
                name="baseline_published_at_with_by_and_version",
            ),
            models.CheckConstraint(
                condition=Q(status="submitted", reviewed_at__isnull=True, reviewed_by__isnull=True)
                | (~Q(status="submitted") & Q(reviewed_at__isnull=False, reviewed_by__isnull=False)),
                name="baseline_reviewed_at_with_by",
            ),
            models.CheckConstraint(
                condition=Q(status="rolled_back", rolled_back_at__isnull=False, rolled_back_by__isnull=False)
                | (
                    ~Q(status="rolled_back")
                    & Q(rolled_back_at__isnull=True, rolled_back_by__isnull=True, rollback_of__isnull=True)
                ),
                name="baseline_rolled_back_at_with_by",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("submitted_by")),
                name="baseline_not_reviewed_by_submitter",
            ),
            models.CheckConstraint(
                condition=Q(rollback_of__isnull=True) | ~Q(rollback_of=F("id")), name="baseline_restores_another"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="baseline_newest"),
            models.Index(fields=["protocol", "-version_number"], name="baseline_versions"),
            models.Index(fields=["status", "-created_at"], name="baseline_by_status"),
        ]

    def __str__(self):
        return f"{self.name}, version {self.version_number}" if self.version_number else self.name

    @property
    def team_id(self):
        return self.protocol.team_id

    @property
    def published_by_submitter(self):
        """Whether its submitter, an administrator, published it after somebody else approved it (ADR 0018)."""
        return self.published_by_id is not None and self.published_by_id == self.submitted_by_id

    @property
    def evidence(self):
        """What the run showed, as it was chosen last; earlier choices stay among `evidence_rows`."""
        return [row for row in self.evidence_rows.all() if row.round == self.evidence_round]


class BaselineReviewer(models.Model):
    """Who is asked to review; replaced when a rejected baseline is submitted again (its events keep who was)."""

    baseline = models.ForeignKey(Baseline, models.PROTECT, related_name="reviewer_rows")
    user = models.ForeignKey(USER, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["baseline", "user"], name="baseline_reviewer_once")]

    def __str__(self):
        return f"{self.user} reviews {self.baseline}"


class BaselineLabel(models.Model):
    baseline = models.ForeignKey(Baseline, models.PROTECT, related_name="labels")
    key = models.CharField(max_length=60)
    value = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["baseline", "key"], name="baseline_label_once_per_key")]
        indexes = [models.Index(fields=["key", "value"], name="baseline_by_label")]

    def __str__(self):
        return f"{self.key}: {self.value}" if self.value else self.key


class BaselineEvidence(Record):
    """What the run showed, by reference: an export, or a QC event with its roll-ups (`snapshot_text`, canonical).

    A choice that is changed when the baseline is submitted again is a round of its own, complete; nothing is replaced.
    """

    baseline = models.ForeignKey(Baseline, models.PROTECT, related_name="evidence_rows")
    round = models.PositiveIntegerField("choice", default=1)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=EvidenceKind.choices)
    reference_id = models.UUIDField()
    label = models.CharField(max_length=255)
    snapshot_text = models.TextField()

    class Meta:
        ordering = ["round", "position"]
        verbose_name = "baseline evidence"
        verbose_name_plural = "baseline evidence"
        constraints = [
            models.UniqueConstraint(fields=["baseline", "round", "kind", "reference_id"], name="baseline_evidence_once")
        ]

    def __str__(self):
        return self.label

    @property
    def snapshot(self):
        return loads(self.snapshot_text)


class BaselineEvent(ChainedRecord):
    """One entry of a baseline's history, chained per baseline."""

    baseline = models.ForeignKey(Baseline, models.PROTECT, related_name="events")
    event_type = models.CharField(max_length=20, choices=BaselineEventType.choices)
    actor = models.ForeignKey(USER, models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["sequence"]
        verbose_name = "baseline event"
        constraints = [
            models.UniqueConstraint(fields=["baseline", "sequence"], name="baseline_event_sequence_once"),
            models.UniqueConstraint(fields=["baseline", "previous_hash"], name="baseline_events_never_fork"),
        ]
        indexes = [models.Index(fields=["created_at", "id"], name="baseline_event_by_time")]

    def __str__(self):
        return f"#{self.sequence} {self.event_type}"

    @property
    def details(self):
        return loads(self.body)["details"]

    @property
    def notes(self):
        return self.details.get("notes", "")


triggers.append_only(BaselineEvidence, BaselineEvent)
triggers.frozen(Baseline, ["id", "execution", "protocol", "submitted_by", "created_at"])
