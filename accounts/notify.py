"""Tell people something: rows they find under the bell, written in the caller's transaction."""

from django.db.models import Q
from django.utils import timezone

from accounts.models import Notification, RoleGrant, User
from accounts.roles import OPERATOR

TITLE_LENGTH = Notification._meta.get_field("title").max_length
URL_LENGTH = Notification._meta.get_field("url").max_length


def notify(users, *, kind, title, body="", url=""):
    """One notification for each active person of `users`, once however often they are named.

    `url` is a path inside the portal. Answers the rows written.
    """
    if url and (not url.startswith("/") or url.startswith("//") or len(url) > URL_LENGTH):
        raise ValueError(f"A notification leads to a path inside the portal, not to {url!r}.")
    people = {user.pk: user for user in users if user.is_active}
    return Notification.objects.bulk_create(
        Notification(user=person, kind=kind, title=shortened(title), body=body, url=url) for person in people.values()
    )


def shortened(title):
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1] + "…"


def operators(*, now=None):
    """Active administrators and holders of the role `operator`."""
    grants = RoleGrant.objects.in_force(now or timezone.now()).filter(role=OPERATOR)
    return User.objects.active().filter(Q(is_admin=True) | Q(pk__in=grants.values("user_id")))
