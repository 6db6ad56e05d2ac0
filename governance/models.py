import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, role_slug
from experiments.models import Protocol
from governance.enums import AuditAction, TemplateStatus
from ledger import triggers
from ledger.canonical import loads
from ledger.models import ChainedRecord, Record

USER = settings.AUTH_USER_MODEL


class TemplateFamily(models.Model):
    """All versions of one ladder. Its row is the lock and the counter of its versions and its audit log."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    template_key = models.SlugField("key", max_length=80, unique=True)
    version_count = models.PositiveIntegerField(default=0, editable=False)
    audit_count = models.PositiveBigIntegerField(default=0, editable=False)
    audit_head = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["template_key"]
        verbose_name_plural = "template families"

    def __str__(self):
        return self.template_key


class WorkflowTemplate(models.Model):
    """One version of a ladder. Only a draft changes; what is published is frozen in its snapshot."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    family = models.ForeignKey(TemplateFamily, models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField(editable=False)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    default_stage_sla_hours = models.PositiveIntegerField(null=True, blank=True)
    permitted_roles = models.JSONField(default=list, blank=True)
    status = models.CharField(max_length=10, choices=TemplateStatus.choices, default=TemplateStatus.DRAFT)
    is_latest = models.BooleanField(default=True, editable=False)
    forked_from = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="forks")
    created_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    published_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, editable=False, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    archived_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, editable=False, related_name="+")
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["family__template_key", "-version"]
        permissions = [("manage_ladders", "Can manage approval ladders")]
        constraints = [
            models.UniqueConstraint(fields=["family", "version"], name="template_version_once_per_family"),
            models.UniqueConstraint(
                fields=["family"], condition=Q(is_latest=True), name="one_latest_template_per_family"
            ),
            models.CheckConstraint(
                condition=Q(published_at__isnull=True, published_by__isnull=True)
                | Q(published_at__isnull=False, published_by__isnull=False),
                name="template_published_at_with_by",
            ),
            models.CheckConstraint(
                condition=Q(status="archived", archived_at__isnull=False, archived_by__isnull=False)
                | (~Q(status="archived") & Q(archived_at__isnull=True, archived_by__isnull=True)),
                name="template_archived_at_with_by",
            ),
        ]

    def __str__(self):
        return f"{self.name} v{self.version}"

    @property
    def template_key(self):
        return self.family.template_key


class TemplateStage(models.Model):
    """A stage of a template version, as administrators edit it; `position` counts from 1."""

    template = models.ForeignKey(WorkflowTemplate, models.CASCADE, related_name="stages")
    position = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=200)
    required_role = models.CharField("role", max_length=50, validators=[role_slug])
    sla_hours = models.PositiveIntegerField("time limit in hours", null=True, blank=True)
    assignee = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    stage_step_indexes = models.JSONField("step indexes", default=list, blank=True)
    stage_gate_keys = models.JSONField("gate keys", default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self):
        return self.name


class TemplateSnapshot(Record):
    """A published version, frozen. `body` is canonical JSON; `digest` its SHA-256."""

    template = models.OneToOneField(WorkflowTemplate, models.PROTECT, related_name="snapshot")
    body = models.TextField()
    digest = models.CharField(max_length=64)
    captured_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    captured_by_name = models.CharField(max_length=254)
    captured_at = models.DateTimeField()

    class Meta:
        ordering = ["-captured_at"]
        verbose_name = "template snapshot"

    def __str__(self):
        return f"Snapshot of {self.template}"

    @property
    def members(self):
        return loads(self.body)


class TemplateAssignment(models.Model):
    """Where a ladder applies: a team or a protocol, exactly one. Revoked, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    template = models.ForeignKey(WorkflowTemplate, models.PROTECT, related_name="assignments")
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="ladder_assignments")
    protocol = models.ForeignKey(Protocol, models.PROTECT, null=True, blank=True, related_name="ladder_assignments")
    metadata = models.JSONField(default=dict, blank=True)
    assigned_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    assigned_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, editable=False, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-assigned_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(team__isnull=False, protocol__isnull=True) | Q(team__isnull=True, protocol__isnull=False),
                name="assignment_team_or_protocol",
            ),
            models.UniqueConstraint(
                fields=["team"], condition=Q(revoked_at__isnull=True), name="one_ladder_assigned_per_team"
            ),
            models.UniqueConstraint(
                fields=["protocol"], condition=Q(revoked_at__isnull=True), name="one_ladder_assigned_per_protocol"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="assignment_revoked_at_with_by",
            ),
        ]

    def __str__(self):
        return f"{self.template} for {self.target}"

    @property
    def target(self):
        """The team or the protocol."""
        return self.team or self.protocol


class TemplateAuditLog(ChainedRecord):
    """Every change of a family's templates, snapshots, assignments, previews and bindings, chained."""

    family = models.ForeignKey(TemplateFamily, models.PROTECT, related_name="audit_log")
    template = models.ForeignKey(WorkflowTemplate, models.PROTECT, null=True, blank=True, related_name="audit_log")
    action = models.CharField(max_length=40, choices=AuditAction.choices)
    actor = models.ForeignKey(USER, models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["sequence"]
        verbose_name = "audit log entry"
        verbose_name_plural = "audit log entries"
        constraints = [
            models.UniqueConstraint(fields=["family", "sequence"], name="template_audit_sequence_once"),
            models.UniqueConstraint(fields=["family", "previous_hash"], name="template_audit_never_forks"),
        ]
        indexes = [models.Index(fields=["created_at", "id"], name="template_audit_by_time")]

    def __str__(self):
        return f"#{self.sequence} {self.action}"

    @property
    def details(self):
        return loads(self.body)["details"]


triggers.append_only(TemplateSnapshot, TemplateAuditLog)
