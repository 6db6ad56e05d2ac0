import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import role_slug
from approvals.enums import ActionType, LadderStatus, Meaning, StageStatus
from experiments.models import Execution
from ledger import triggers
from ledger.canonical import loads
from ledger.models import Record

USER = settings.AUTH_USER_MODEL


class LadderQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.filter(execution__in=Execution.objects.visible_to(user))


class ApprovalLadder(models.Model):
    """The run of a blueprint over one subject.

    `subject_text` is canonical JSON of what is signed: `{"kind": "narrative_export", "id", "version",
    "execution"}`. `content_digest` is the SHA-256 every signature binds. A reset opens the next `cycle`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    execution = models.ForeignKey(Execution, models.PROTECT, related_name="ladders")
    title = models.CharField(max_length=255)
    name = models.CharField(max_length=200)
    subject_text = models.TextField()
    blueprint_text = models.TextField()  # canonical JSON of the frozen LadderBlueprint
    blueprint_digest = models.CharField(max_length=64)
    content_digest = models.CharField(max_length=64)
    status = models.CharField(max_length=10, choices=LadderStatus.choices, default=LadderStatus.PENDING)
    cycle = models.PositiveIntegerField(default=1)
    requested_by = models.ForeignKey(USER, models.PROTECT, related_name="requested_ladders")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = LadderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="pending", closed_at__isnull=True)
                | (~Q(status="pending") & Q(closed_at__isnull=False)),
                name="ladder_closed_at_with_outcome",
            )
        ]

    def __str__(self):
        return self.title

    @property
    def subject(self):
        return loads(self.subject_text)


class ApprovalStage(models.Model):
    """One rung; `sequence_index` counts from 1."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ladder = models.ForeignKey(ApprovalLadder, models.PROTECT, related_name="stages")
    sequence_index = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    required_role = models.CharField(max_length=50, validators=[role_slug])
    status = models.CharField(max_length=12, choices=StageStatus.choices, default=StageStatus.PENDING)
    sla_hours = models.PositiveIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    assignee = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="assigned_stages")
    delegated_to = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="delegated_stages")
    overdue_notified_at = models.DateTimeField(null=True, blank=True)
    notes = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["sequence_index"]
        constraints = [
            models.UniqueConstraint(fields=["ladder", "sequence_index"], name="stage_index_once_per_ladder"),
            models.UniqueConstraint(
                fields=["ladder"], condition=Q(status="in_progress"), name="one_stage_in_progress_per_ladder"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["approved", "rejected"], completed_at__isnull=False)
                | (~Q(status__in=["approved", "rejected"]) & Q(completed_at__isnull=True)),
                name="stage_completed_at_with_decision",
            ),
        ]
        indexes = [models.Index(fields=["status", "due_at"], name="stage_open_by_due")]

    def __str__(self):
        return f"{self.sequence_index}. {self.name}"


class ApprovalAction(Record):
    """What somebody did on a stage, in which cycle."""

    stage = models.ForeignKey(ApprovalStage, models.PROTECT, related_name="actions")
    cycle = models.PositiveIntegerField()
    action_type = models.CharField(max_length=12, choices=ActionType.choices)
    actor = models.ForeignKey(USER, models.PROTECT, related_name="approval_actions")
    actor_name = models.CharField(max_length=254)
    signature_text = models.CharField(max_length=254, blank=True)  # the name typed by an API client, else printed name
    notes = models.TextField(blank=True)
    delegation_target = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    metadata_text = models.TextField(default="{}")
    content_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        verbose_name = "approval action"
        constraints = [
            models.UniqueConstraint(
                fields=["stage", "cycle"],
                condition=Q(action_type__in=["approved", "rejected"]),
                name="one_decision_per_stage_and_cycle",
            )
        ]

    def __str__(self):
        return f"{self.get_action_type_display()} by {self.actor_name}"

    @property
    def metadata(self):
        return loads(self.metadata_text)


class Signature(Record):
    """A sealed statement: who signed what, when, meaning what (21 CFR 11.50, 11.70).

    `statement` is canonical JSON; `digest` its SHA-256; `previous_digest` the digest of the ladder's signature
    before ("" for the first); `seal` the base64 Ed25519 signature over the statement's UTF-8 bytes by the
    deployment key whose fingerprint is `key_fingerprint` (`sha256:` + hex over the DER public key).
    """

    action = models.OneToOneField(ApprovalAction, models.PROTECT, related_name="signature")
    ladder = models.ForeignKey(ApprovalLadder, models.PROTECT, related_name="signatures")
    sequence = models.PositiveIntegerField()
    signer = models.ForeignKey(USER, models.PROTECT, related_name="signatures")
    signer_name = models.CharField(max_length=254)
    meaning = models.CharField(max_length=12, choices=Meaning.choices)
    statement = models.TextField()
    digest = models.CharField(max_length=64)
    previous_digest = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=120)
    key_fingerprint = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(fields=["ladder", "sequence"], name="signature_sequence_once_per_ladder"),
            models.UniqueConstraint(fields=["ladder", "previous_digest"], name="signature_chain_never_forks"),
        ]

    def __str__(self):
        return f"{self.signer_name}: {self.meaning}"


triggers.append_only(ApprovalAction, Signature)
triggers.frozen(
    ApprovalLadder,
    [
        "id",
        "execution",
        "title",
        "name",
        "subject_text",
        "blueprint_text",
        "blueprint_digest",
        "content_digest",
        "requested_by",
        "created_at",
    ],
)
