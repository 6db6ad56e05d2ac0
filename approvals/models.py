import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team, role_slug
from approvals.enums import ActionType, ClaimStep, LadderStatus, Meaning, StageStatus
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
    # Who brought the evidence that is signed; stages may exclude them (`ApprovalStage.excludes_uploaders`).
    uploaders = models.ManyToManyField(USER, related_name="+", blank=True)
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
    """One rung; `sequence_index` counts from 1.

    `due_words` tells how `due_at` was worked out where a working calendar counted. `remind_at` and `escalate_at` say
    when the monitor has something to do; `escalation_step` counts the rungs of the escalation that were climbed.
    """

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
    due_words = models.TextField(blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)
    overdue_notified_at = models.DateTimeField(null=True, blank=True)
    escalate_at = models.DateTimeField(null=True, blank=True)
    escalation_step = models.PositiveSmallIntegerField(default=0)
    claimed_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="claimed_stages")
    claimed_at = models.DateTimeField(null=True, blank=True)
    excludes_uploaders = models.BooleanField(default=False)
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
            models.CheckConstraint(
                condition=Q(claimed_by__isnull=True, claimed_at__isnull=True)
                | Q(claimed_by__isnull=False, claimed_at__isnull=False, status="in_progress"),
                name="stage_claimed_at_with_by_while_in_progress",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "due_at"], name="stage_open_by_due"),
            models.Index(fields=["remind_at"], condition=Q(remind_at__isnull=False), name="stage_to_remind"),
            models.Index(
                fields=["due_at"],
                condition=Q(status="in_progress", overdue_notified_at__isnull=True),
                name="stage_to_flag_overdue",
            ),
            models.Index(fields=["escalate_at"], condition=Q(escalate_at__isnull=False), name="stage_to_escalate"),
        ]

    def __str__(self):
        return f"{self.sequence_index}. {self.name}"


class WorkingCalendar(models.Model):
    """When a team works; deadlines of its stages count these hours only.

    `hours` is `{"mon": [["09:00", "17:30"], …], …}` in `time_zone` (IANA name); `country` and
    `subdivision` name public holidays of the `holidays` package; `days_off` is `[{"date", "name"}]`, for example
    from an `.ics` file.
    """

    team = models.OneToOneField(Team, models.PROTECT, related_name="working_calendar")
    time_zone = models.CharField(max_length=64, default="UTC")
    hours = models.JSONField(default=dict)
    country = models.CharField(max_length=2, blank=True)
    subdivision = models.CharField(max_length=10, blank=True)
    days_off = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField("active", default=True)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")

    def __str__(self):
        return f"Working calendar of {self.team}"


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

    @property
    def words(self):
        """What was done, in a word or two."""
        claim = self.metadata.get("claim") if self.action_type == ActionType.COMMENT else None
        return ClaimStep(claim).label if claim in ClaimStep.values else self.get_action_type_display()


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
