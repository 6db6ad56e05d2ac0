import uuid

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from accounts.models import RoleGrant, Team, role_slug
from experiments.enums import ExecutionStatus, InventoryStatus, StepStatus
from ledger import triggers
from ledger.canonical import loads
from ledger.models import ChainedRecord, Record

USER = settings.AUTH_USER_MODEL


class TeamOwnedQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Rows of the user's teams and rows of no team; administrators see all."""
        if user.is_admin:
            return self
        return self.filter(Q(team__isnull=True) | Q(team__in=user.memberships.values("team_id")))


class Protocol(models.Model):
    """What is to be done; each non-empty line of `content` is a step."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    content = models.TextField()
    version = models.CharField(max_length=30, default="1")
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="protocols")
    variables = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TeamOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-created_at"]

    def __str__(self):
        return f"{self.name}, version {self.version}"

    @property
    def instructions(self):
        return [line.strip() for line in self.content.splitlines() if line.strip()]


class InventoryItem(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item_type = models.CharField(max_length=60)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=InventoryStatus.choices, default=InventoryStatus.AVAILABLE)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="inventory_items")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TeamOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self):
        return self.name


class Equipment(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="equipment")
    calibration_due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TeamOwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "equipment"

    def __str__(self):
        return self.name


class Resource(models.Model):
    """Something that can be booked: a hood, a plate reader, a room."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Booking(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    resource = models.ForeignKey(Resource, models.PROTECT, related_name="bookings")
    start_time = models.DateTimeField()
    end_time = models.DateTimeField()
    booked_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["start_time", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(end_time__gt=F("start_time")), name="booking_ends_after_it_starts")
        ]

    def __str__(self):
        return f"{self.resource}, {self.start_time:%d %b %Y %H:%M} to {self.end_time:%H:%M} UTC"


class ExecutionQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Runs of the user, of their teams, those they are named on or may sign; administrators see all."""
        if user.is_admin:
            return self
        now = timezone.now()
        named = ExecutionAccess.objects.filter(execution=OuterRef("pk"), user=user)
        grants = RoleGrant.objects.in_force(now).filter(user=user, role=OuterRef("role"))
        by_role = ExecutionAccess.objects.filter(execution=OuterRef("pk"), role__isnull=False).filter(
            Exists(grants.filter(Q(team__isnull=True) | Q(team=OuterRef("execution__protocol__team"))))
        )
        return self.filter(
            Q(run_by=user) | Q(protocol__team__in=user.memberships.values("team_id")) | Exists(named) | Exists(by_role)
        )


class Execution(models.Model):
    """One run of a protocol. Its row is the lock and the counter of everything that hangs from it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    protocol = models.ForeignKey(Protocol, models.PROTECT, related_name="executions")
    protocol_name = models.CharField(max_length=200, editable=False)
    protocol_version = models.CharField(max_length=30, editable=False)
    title = models.CharField(max_length=200)
    run_by = models.ForeignKey(USER, models.PROTECT, related_name="executions")
    run_by_name = models.CharField(max_length=254, editable=False)
    status = models.CharField(max_length=12, choices=ExecutionStatus.choices, default=ExecutionStatus.PLANNED)
    params = models.JSONField(default=dict, blank=True)
    inventory_items = models.ManyToManyField(InventoryItem, blank=True, related_name="executions")
    bookings = models.ManyToManyField(Booking, blank=True, related_name="executions")
    equipment = models.ManyToManyField(Equipment, blank=True, related_name="executions")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    event_count = models.PositiveBigIntegerField(default=0, editable=False)
    head_hash = models.CharField(max_length=64, blank=True, editable=False)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["-created_at", "-id"], name="execution_newest")]

    def __str__(self):
        return self.title

    @property
    def team_id(self):
        return self.protocol.team_id


class ExecutionAccess(models.Model):
    """Who besides runner and team may see a run: a person, or the holders of a role (because they may sign)."""

    execution = models.ForeignKey(Execution, models.PROTECT, related_name="access")
    user = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="execution_access")
    role = models.CharField(max_length=50, null=True, blank=True, validators=[role_slug])
    reason = models.CharField(max_length=60)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, role__isnull=True) | Q(user__isnull=True, role__isnull=False),
                name="execution_access_person_or_role",
            ),
            models.UniqueConstraint(fields=["execution", "user"], name="execution_access_person_once"),
            models.UniqueConstraint(fields=["execution", "role"], name="execution_access_role_once"),
        ]

    def __str__(self):
        return f"{self.user or self.role} on {self.execution_id}"


class ExecutionStep(models.Model):
    execution = models.ForeignKey(Execution, models.PROTECT, related_name="steps")
    index = models.PositiveIntegerField()
    instruction = models.TextField()
    status = models.CharField(max_length=12, choices=StepStatus.choices, default=StepStatus.PENDING)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["execution", "index"], name="step_index_once_per_execution")]

    def __str__(self):
        return f"Step {self.index + 1}: {self.instruction[:60]}"


class GrantedApproval(Record):
    """An approval a step's gate asks for (`required_approvals`), and who granted it."""

    execution = models.ForeignKey(Execution, models.PROTECT, related_name="granted_approvals")
    name = models.CharField(max_length=100)
    granted_by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    granted_by_name = models.CharField(max_length=254)
    granted_at = models.DateTimeField()

    class Meta:
        ordering = ["granted_at", "id"]
        constraints = [models.UniqueConstraint(fields=["execution", "name"], name="approval_granted_once")]

    def __str__(self):
        return f"{self.name}, granted by {self.granted_by_name}"


class ExecutionEvent(ChainedRecord):
    """One entry of a run's history. Columns serve queries; `body` is what was sealed (`experiments.timeline`)."""

    execution = models.ForeignKey(Execution, models.PROTECT, related_name="events")
    event_type = models.CharField(max_length=100)
    actor = models.ForeignKey(USER, models.PROTECT, related_name="+")
    actor_name = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    occurred_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["sequence"]
        verbose_name = "event"
        constraints = [
            models.UniqueConstraint(fields=["execution", "sequence"], name="event_sequence_once_per_execution"),
            models.UniqueConstraint(fields=["execution", "previous_hash"], name="event_chain_never_forks"),
        ]
        indexes = [
            models.Index(fields=["execution", "event_type", "sequence"], name="event_by_type"),
            models.Index(fields=["created_at", "id"], name="event_by_time"),
        ]

    def __str__(self):
        return f"#{self.sequence} {self.event_type}"

    @property
    def payload(self):
        return loads(self.body)["payload"]


triggers.append_only(ExecutionEvent, GrantedApproval)
