"""Reads shared by pages and API."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch, Q
from django.utils import timezone

from accounts.models import ApiToken, Membership, Notification, NotificationChoice, RoleGrant, Team, User
from accounts.notification_kinds import KINDS
from portal.text import one_line


def grants_in_force(user, now):
    return list(RoleGrant.objects.in_force(now).filter(user=user).select_related("team").order_by("role", "team__name"))


def team_memberships(user):
    return list(user.memberships.select_related("team").order_by("team__name"))


def teams_with_members(viewer):
    members = Membership.objects.select_related("user").order_by("user__full_name", "user__email")
    return Team.objects.visible_to(viewer).prefetch_related(Prefetch("memberships", members))


def people_matching(viewer, text, *, role=None, team_id=None, now):
    """Active people the viewer may see whose name or e-mail address contains the text."""
    if isinstance(viewer, AnonymousUser):
        return User.objects.none()
    people = User.objects.active().visible_to(viewer)
    if role:
        people = people & User.objects.holding(role, team_id, now)
    return named_like(people, text)


def named_like(people, text):
    """`people`, a queryset, whose name or e-mail address contains every word of the text; by name."""
    for word in one_line(text, 100).split()[:5]:
        people = people.filter(Q(full_name__icontains=word) | Q(email__icontains=word))
    return people.order_by("full_name", "email")


def named_tokens(user):
    """The tokens a person made for instruments and scripts, and that still work."""
    return ApiToken.objects.filter(user=user, expiry__gt=timezone.now()).exclude(name="")


def unread_count(user):
    return user.notifications.unread().count()


def emails_due(now):
    """Notifications that wait to be sent by e-mail and whose time has come."""
    return Notification.objects.filter(email_due_at__lte=now, emailed_at__isnull=True)


def email_choices(user):
    """How each kind goes to this person by e-mail."""
    chosen = dict(NotificationChoice.objects.filter(user=user).values_list("kind", "email"))
    return {code: chosen.get(code, kind.email) for code, kind in KINDS.items()}
