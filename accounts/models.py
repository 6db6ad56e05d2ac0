import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from knox.models import AbstractAuthToken

from accounts.enums import AccountAction, EmailWhen, MembershipRole, TokenScope
from accounts.session_binding import SessionBinding
from ledger import triggers
from ledger.canonical import loads
from ledger.models import Record

SYSTEM_EMAIL = "system@biolabs.invalid"
role_slug = RegexValidator(
    r"^[a-z][a-z0-9_]{0,49}\Z", "A role is a slug: lower-case letters, digits and _, 50 characters at most."
)


class UserQuerySet(models.QuerySet):
    def people(self):
        """Everybody but the system user."""
        return self.exclude(email=SYSTEM_EMAIL)

    def active(self):
        return self.people().filter(is_active=True)

    def visible_to(self, user):
        """Oneself, people of one's teams, and who holds a role there or everywhere; administrators see all."""
        if user.is_admin:
            return self.people()
        teams = user.memberships.values("team_id")
        members = Membership.objects.filter(team__in=teams).values("user_id")
        grants = RoleGrant.objects.in_force(timezone.now()).filter(Q(team__isnull=True) | Q(team__in=teams))
        return self.people().filter(Q(pk=user.pk) | Q(pk__in=members) | Q(pk__in=grants.values("user_id")))

    def holding(self, role, team_id, now):
        """Active people who hold `role` in the team or everywhere at `now`."""
        grants = RoleGrant.objects.in_force(now).filter(role=role).filter(Q(team__isnull=True) | Q(team_id=team_id))
        return self.active().filter(pk__in=grants.values("user_id"))


class UserAccounts(BaseUserManager.from_queryset(UserQuerySet)):
    def get_by_natural_key(self, email):
        return self.get(email=(email or "").strip().lower())

    def create_user(self, email, password=None, *, full_name="", **fields):
        user = self.model(email=email.strip().lower(), full_name=full_name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email, password=None, **fields):
        return self.create_user(email, password, is_admin=True, is_staff=True, is_superuser=True, **fields)

    def system(self):
        """The actor of sweeps and jobs; it cannot sign in. Made by a migration, and again should it be missing."""
        unusable = {"full_name": "BioLabs", "is_active": False, "password": make_password(None)}
        return self.get_or_create(email=SYSTEM_EMAIL, defaults=unusable)[0]


class User(SessionBinding, AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail. Deactivated, never deleted: records name them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", max_length=254, unique=True)
    full_name = models.CharField(max_length=150)
    is_active = models.BooleanField("active", default=True)
    is_staff = models.BooleanField("may enter the admin", default=False)
    is_admin = models.BooleanField("administrator", default=False)
    must_change_password = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserAccounts()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        ordering = ["full_name", "email"]
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case")]

    def __str__(self):
        return self.full_name or self.email

    def clean(self):
        super().clean()
        self.email = self.email.strip().lower()

    @property
    def printed_name(self):
        """The name as records print it."""
        return self.full_name or self.email

    def get_full_name(self):
        return self.printed_name

    def get_short_name(self):
        return self.printed_name.split(" ")[0]


class TeamQuerySet(models.QuerySet):
    def visible_to(self, user):
        """The user's teams; administrators see all."""
        return self if user.is_admin else self.filter(pk__in=user.memberships.values("team_id"))


class Team(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=150, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Membership(models.Model):
    team = models.ForeignKey(Team, models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=MembershipRole.choices, default=MembershipRole.MEMBER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_once_per_team")]

    def __str__(self):
        return f"{self.user} in {self.team}"


class RoleGrantQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Administrators see all grants, others their own."""
        return self if user.is_admin else self.filter(user=user)

    def in_force(self, now):
        return self.filter(revoked_at__isnull=True).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))


class RoleGrant(models.Model):
    """A signing role of a person, in a team or (team empty) everywhere, until a date. Revoked, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="role_grants")
    role = models.CharField(max_length=50, validators=[role_slug])
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="role_grants")
    valid_until = models.DateTimeField(null=True, blank=True)
    granted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, editable=False, related_name="+")

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["role", "team"], name="role_grant_role_team")]
        constraints = [
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="role_grant_revoked_at_with_by",
            )
        ]

    def __str__(self):
        return f"{self.role} for {self.user}" + (f" in {self.team}" if self.team_id else "")


class NotificationQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Everybody's own, for administrators too."""
        return self.filter(user=user)

    def unread(self):
        return self.filter(read_at__isnull=True)


class Notification(models.Model):
    """Something a person should know. `kind` is a stable code; `url` a path inside the portal."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="notifications")
    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True, blank=True)
    email_due_at = models.DateTimeField(null=True, blank=True)  # empty: not by e-mail
    emailed_at = models.DateTimeField(null=True, blank=True)
    email_attempts = models.PositiveSmallIntegerField(default=0)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "read_at", "-created_at"], name="notification_unread"),
            models.Index(
                fields=["email_due_at"],
                condition=Q(email_due_at__isnull=False, emailed_at__isnull=True),
                name="notification_email_waiting",
            ),
        ]

    def __str__(self):
        return self.title


class NotificationChoice(models.Model):
    """How a person wants one kind of notification by e-mail; without a row the kind's default holds."""

    user = models.ForeignKey(User, models.PROTECT, related_name="notification_choices")
    kind = models.CharField(max_length=60)
    email = models.CharField(max_length=10, choices=EmailWhen.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="notification_choice_once_per_kind")]

    def __str__(self):
        return f"{self.kind}: {self.email}"


class AbsenceQuerySet(models.QuerySet):
    def visible_to(self, user):
        """One's own, those one stands in for, and all for administrators."""
        return self if user.is_admin else self.filter(Q(user=user) | Q(stand_in=user))

    def in_force(self, now):
        return self.filter(cancelled_at__isnull=True, starts_at__lte=now, ends_at__gt=now)


class Absence(models.Model):
    """Out of office from `starts_at` (inclusive) until `ends_at` (exclusive); it begins and ends by itself.

    While it is in force `stand_in`, where there is one, may sign what names `user`, within the scope: one role
    (empty: every role) in one team (empty: every team). Cancelled, never deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="absences")
    stand_in = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="stands_in_during")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    role = models.CharField(max_length=50, blank=True, validators=[role_slug])
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="absence_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(stand_in__isnull=True) | ~Q(stand_in=models.F("user")), name="absence_stand_in_is_another"
            ),
            models.CheckConstraint(
                condition=Q(cancelled_at__isnull=True, cancelled_by__isnull=True)
                | Q(cancelled_at__isnull=False, cancelled_by__isnull=False),
                name="absence_cancelled_at_with_by",
            ),
        ]
        indexes = [models.Index(fields=["user", "ends_at"], name="absence_of_user")]

    def __str__(self):
        return f"{self.user} away from {self.starts_at:%d %b %Y} to {self.ends_at:%d %b %Y}"


class WebhookEndpoint(models.Model):
    """An address of another system that is told what happens. `secret` is encrypted; `kinds` empty: every kind."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    secret = models.TextField()
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="webhooks")
    kinds = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class WebhookDelivery(models.Model):
    """One message to one endpoint: waiting until `next_attempt_at`, then delivered or given up."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="deliveries")
    kind = models.CharField(max_length=60)
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    gave_up_at = models.DateTimeField(null=True, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False), name="webhook_delivery_waiting"
            )
        ]

    def __str__(self):
        return f"{self.kind} to {self.endpoint_id}"


class ApiToken(AbstractAuthToken):
    """A hashed, expiring bearer token with a name and a scope."""

    name = models.CharField(max_length=100, blank=True)
    scope = models.CharField(max_length=10, choices=TokenScope.choices, default=TokenScope.WRITE)
    last_used_at = models.DateTimeField(null=True, blank=True)


class IdempotencyKey(models.Model):
    """The first answer to a POST that carried `Idempotency-Key`, so that a repeat answers the same."""

    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    path = models.CharField(max_length=300)
    body_digest = models.CharField(max_length=64)
    response_status = models.PositiveSmallIntegerField()
    response_body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "path", "key"], name="idempotency_key_once")]

    def __str__(self):
        return self.key


class AccountEvent(Record):
    """One line of the accounts' audit trail. `actor` is empty only for a sign-in with an unknown address."""

    # No choices: a new action must not alter the table (SQLite would drop its triggers).
    action = models.CharField(max_length=60)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    actor_name = models.CharField(max_length=254, blank=True)
    about = models.ForeignKey(User, models.PROTECT, null=True, related_name="account_events")
    about_name = models.CharField(max_length=254, blank=True)
    address = models.CharField(max_length=64, blank=True)
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["about", "-created_at"], name="account_event_about"),
            models.Index(fields=["created_at", "id"], name="account_event_by_time"),
        ]

    def __str__(self):
        return f"{AccountAction(self.action).label}: {self.about_name}"

    @property
    def payload(self):
        return loads(self.body)


triggers.append_only(AccountEvent)
