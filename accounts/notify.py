"""Tell people something: rows they find under the bell, written in the caller's transaction, and e-mail by choice."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from accounts.enums import EmailWhen
from accounts.models import Notification, NotificationChoice, RoleGrant, User
from accounts.notification_kinds import default_email
from accounts.roles import OPERATOR

TITLE_LENGTH = Notification._meta.get_field("title").max_length
URL_LENGTH = Notification._meta.get_field("url").max_length
SEND_EMAILS = "accounts.tasks.send_emails"


def notify(users, *, kind, title, body="", url=""):
    """One notification for each active person of `users`, once however often they are named.

    `url` is a path inside the portal. Answers the rows written. Who wants this kind at once gets it by a job that is
    enqueued in the same transaction; what is left, and the digests, are found by the sweep.
    """
    if url and (not url.startswith("/") or url.startswith("//") or len(url) > URL_LENGTH):
        raise ValueError(f"A notification leads to a path inside the portal, not to {url!r}.")
    people, now = {user.pk: user for user in users if user.is_active}, timezone.now()
    due = email_due(people, str(kind), now)
    rows = Notification.objects.bulk_create(
        Notification(
            user=person,
            kind=kind,
            title=shortened(title),
            body=body,
            url=url,
            created_at=now,
            email_due_at=due.get(person.pk),
        )
        for person in people.values()
    )
    if at_once := [str(pk) for pk in people if due.get(pk) == now]:
        async_task(SEND_EMAILS, *at_once)
    return rows


def email_due(user_ids, kind, now):
    """When each person gets this kind by e-mail; who wants none is left out."""
    if not (settings.EMAIL_CONFIGURED and user_ids):
        return {}
    chosen = dict(NotificationChoice.objects.filter(user__in=user_ids, kind=kind).values_list("user_id", "email"))
    moments = {EmailWhen.AT_ONCE: now, EmailWhen.DIGEST: next_digest(now)}
    wanted = {pk: chosen.get(pk, default_email(kind)) for pk in user_ids}
    return {pk: moments[when] for pk, when in wanted.items() if when in moments}


def next_digest(now):
    """The next time it is DIGEST_HOUR in UTC, later than `now`."""
    today = now.replace(hour=settings.DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return today if now < today else today + timedelta(days=1)


def shortened(title):
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1] + "…"


def operators(*, now=None):
    """Active administrators and holders of the role `operator`."""
    grants = RoleGrant.objects.in_force(now or timezone.now()).filter(role=OPERATOR)
    return User.objects.active().filter(Q(is_admin=True) | Q(pk__in=grants.values("user_id")))
