import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from approvals.models import ApprovalLadder
from evidence.models import FrozenEvidence
from experiments.models import Execution
from governance.models import TemplateSnapshot, WorkflowTemplate
from ledger import triggers
from ledger.models import Record
from narratives.enums import PackageStatus

USER = settings.AUTH_USER_MODEL


class ExportQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.filter(execution__in=Execution.objects.visible_to(user))


class NarrativeExport(models.Model):
    """A requested export. What people sign never changes; only hold and retention do.

    `content` is the Markdown; `content_digest` the SHA-256 over narrative, evidence and ladder
    (`narratives.digest`). `event_count` events of the timeline are in it; `timeline_head` is the last one's hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(Execution, models.PROTECT, related_name="exports")
    version = models.PositiveIntegerField()
    format = models.CharField(max_length=10, default="markdown")
    content = models.TextField()
    content_sha256 = models.CharField(max_length=64)
    content_digest = models.CharField(max_length=64)
    event_count = models.PositiveBigIntegerField()
    timeline_head = models.CharField(max_length=64)
    generated_at = models.DateTimeField()
    ladder = models.OneToOneField(ApprovalLadder, models.PROTECT, related_name="narrative_export")
    # What the ladder's blueprint was taken from; the blueprint itself is frozen on the ladder.
    workflow_template = models.ForeignKey(
        WorkflowTemplate, models.PROTECT, null=True, blank=True, related_name="exports"
    )
    template_snapshot = models.ForeignKey(
        TemplateSnapshot, models.PROTECT, null=True, blank=True, related_name="exports"
    )
    requested_by = models.ForeignKey(USER, models.PROTECT, related_name="requested_exports")
    requested_by_name = models.CharField(max_length=254)
    notes = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    legal_hold = models.BooleanField(default=False)
    legal_hold_reason = models.TextField(blank=True)
    retention_expires_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["execution", "version"], name="export_version_once_per_execution")
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="export_newest")]

    def __str__(self):
        return f"{self.execution.title} · v{self.version}"


class ExportAttachment(Record):
    """One use of a frozen piece of evidence in an export; `position` counts from 1."""

    export = models.ForeignKey(NarrativeExport, models.PROTECT, related_name="attachments")
    position = models.PositiveIntegerField()
    evidence = models.ForeignKey(FrozenEvidence, models.PROTECT, related_name="attachments")
    label = models.CharField(max_length=255)
    context_text = models.TextField(default="{}")  # canonical JSON of the requester's `context`
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["position"]
        verbose_name = "export attachment"
        constraints = [
            models.UniqueConstraint(fields=["export", "position"], name="attachment_position_once_per_export")
        ]

    def __str__(self):
        return self.label


class Package(models.Model):
    """The packaging of an export's approved cycle: claim, progress and result (reliability.md, points 2 to 5)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    export = models.ForeignKey(NarrativeExport, models.PROTECT, related_name="packages")
    cycle = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=PackageStatus.choices, default=PackageStatus.QUEUED)
    fence = models.PositiveBigIntegerField(default=0)
    owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(default=timezone.now)
    files_total = models.PositiveIntegerField(default=0)
    files_done = models.PositiveIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0)
    bytes_done = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    storage_name = models.CharField(max_length=255, blank=True)
    checksum = models.CharField(max_length=64, blank=True)
    manifest_digest = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(null=True, blank=True)
    packaged_at = models.DateTimeField(null=True, blank=True)
    integrity_failed_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-cycle"]
        constraints = [
            models.UniqueConstraint(fields=["export", "cycle"], name="one_package_per_export_and_cycle"),
            models.CheckConstraint(
                condition=~Q(status__in=["ready", "expired"]) | (~Q(checksum="") & Q(packaged_at__isnull=False)),
                name="package_ready_with_checksum",
            ),
        ]
        indexes = [models.Index(fields=["status", "lease_until"], name="package_by_lease")]

    def __str__(self):
        return f"Dossier of {self.export_id}, cycle {self.cycle}"


triggers.append_only(ExportAttachment)
triggers.frozen(
    NarrativeExport,
    [
        "id",
        "execution",
        "version",
        "format",
        "content",
        "content_sha256",
        "content_digest",
        "event_count",
        "timeline_head",
        "generated_at",
        "ladder",
        "requested_by",
        "requested_by_name",
        "notes",
        "metadata",
        "created_at",
    ],
)
