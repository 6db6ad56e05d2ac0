import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from evidence.enums import EvidenceType
from experiments.models import Execution
from ledger import triggers
from ledger.canonical import loads
from ledger.models import Record

USER = settings.AUTH_USER_MODEL


class OfExecutionQuerySet(models.QuerySet):
    """Rows that hang from an execution, or from nothing but their author."""

    author = "created_by"

    def visible_to(self, user):
        if user.is_admin:
            return self
        return self.filter(
            Q(execution__in=Execution.objects.visible_to(user)) | Q(execution__isnull=True, **{self.author: user})
        )


class StoredFileQuerySet(OfExecutionQuerySet):
    author = "uploaded_by"


class StoredFile(models.Model):
    """An uploaded file. Bytes live in content-addressed storage under their SHA-256; the row never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(Execution, models.PROTECT, null=True, blank=True, related_name="files")
    filename = models.CharField(max_length=255)  # as given by the uploader: data, never a path
    file_type = models.CharField(max_length=100)
    file_size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    uploaded_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    uploaded_by_name = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = StoredFileQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self):
        return self.filename


class NotebookEntry(models.Model):
    """A Markdown entry. `title`, `content` and `revision` mirror its newest NotebookRevision."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(Execution, models.PROTECT, null=True, blank=True, related_name="notebook_entries")
    title = models.CharField(max_length=200)
    content = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = OfExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "-id"]
        verbose_name_plural = "notebook entries"

    def __str__(self):
        return self.title


class NotebookRevision(Record):
    """What an entry said at one moment, and who wrote it."""

    entry = models.ForeignKey(NotebookEntry, models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    content = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64)  # of the content's UTF-8 bytes
    edited_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    edited_by_name = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["entry", "number"], name="notebook_revision_number_once")]

    def __str__(self):
        return f"{self.title}, revision {self.number}"


class FrozenEvidence(Record):
    """One piece of evidence exactly as it stood when an export was requested.

    Files: `file` is set and the bytes are the stored ones with `sha256`. Everything else: `content` holds the
    text (Markdown of the revision, or canonical JSON of the event) and `sha256` is over its UTF-8 bytes.
    `snapshot` is canonical JSON text that describes it (roll-ups included).
    """

    execution = models.ForeignKey(Execution, models.PROTECT, related_name="frozen_evidence")
    evidence_type = models.CharField(max_length=20, choices=EvidenceType.choices)
    reference_id = models.UUIDField()
    label = models.CharField(max_length=255)
    filename = models.CharField(max_length=255)  # original or made-up name; data, never a path
    media_type = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, blank=True, related_name="frozen")
    content = models.TextField(blank=True)
    snapshot_text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "frozen evidence"
        verbose_name_plural = "frozen evidence"
        constraints = [
            models.CheckConstraint(
                condition=Q(evidence_type="file", file__isnull=False)
                | (~Q(evidence_type="file") & Q(file__isnull=True)),
                name="frozen_evidence_file_only_for_files",
            )
        ]

    def __str__(self):
        return self.label

    @property
    def snapshot(self):
        return loads(self.snapshot_text)


triggers.append_only(NotebookRevision, FrozenEvidence, StoredFile)
