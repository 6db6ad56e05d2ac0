"""E-mail for notifications: what waits for a person goes out in one message.

Nothing here holds a transaction while the mail server talks. A worker killed between the server's "accepted" and the
mark sends twice; both messages carry the same Message-ID, so most mailboxes show one (ADR 0013).
"""

import hashlib
import logging
import time
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db.models import Min
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notification
from accounts.notification_kinds import KINDS
from accounts.queries import emails_due
from accounts.transitions_notifications import ATTEMPTS, claim_emails, give_emails_back, note_emails_sent
from portal.text import moment, one_line

log = logging.getLogger(__name__)
MOST_SHOWN = 30
MOST_IN_ONE_SWEEP = 500
SWEEP_SECONDS = 45.0
BODY_LENGTH = 500
SUBJECT_LENGTH = 150
HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
OTHER = "Other"


def _nothing(name):
    """Tests kill the process at the n-th step through this name."""


at_step = _nothing


# --- Sending --------------------------------------------------------------------------------------------------------


def send_to(user_ids, *, seconds=None):
    """Send each person what waits for them, until the time is over; answers what happened in words."""
    if not settings.EMAIL_CONFIGURED:
        return "e-mail is not configured"
    stop_at = None if seconds is None else time.monotonic() + seconds
    sent, mail_server = 0, get_connection()
    try:
        for user_id in user_ids:
            if stop_at is not None and time.monotonic() > stop_at:
                break
            # Before the claim: a server that is down costs nobody an attempt.
            mail_server.open()
            sent += _send(user_id, mail_server)
    except (OSError, SMTPException) as error:
        log.warning("the mail server does not answer: %s", type(error).__name__)
        return f"{sent} sent, then the mail server did not answer"
    finally:
        _close(mail_server)
    return f"{sent} sent"


def _send(user_id, mail_server):
    claim = claim_emails(user_id, now=timezone.now())
    if claim is None:
        return 0
    at_step("claimed")
    try:
        message = compose(claim.user, claim.notifications)
        message.connection = mail_server
        message.send()
    except Exception as error:  # noqa: BLE001  whatever went wrong, the rows must say so and be tried again
        _failed(claim, error, mail_server)
        return 0
    at_step("accepted")
    note_emails_sent(claim)
    return 1


def _failed(claim, error, mail_server):
    # Not the error's own words: they may hold the address or what was sent.
    given_up = give_emails_back(claim, now=timezone.now())
    log.warning("an e-mail to %s failed: %s", claim.user.pk, type(error).__name__)
    if given_up:
        log.error("gave up %s notifications by e-mail to %s after %s attempts", given_up, claim.user.pk, ATTEMPTS)
    _close(mail_server)  # opened anew for the next person


def _close(mail_server):
    try:
        mail_server.close()
    except (OSError, SMTPException):
        pass  # it hung up first


def sweep():
    """Digests that are due, and whatever a lost job or a killed worker left behind."""
    if not settings.EMAIL_CONFIGURED:
        return "e-mail is not configured"
    oldest_first = emails_due(timezone.now()).values("user_id").annotate(since=Min("email_due_at")).order_by("since")
    return send_to([row["user_id"] for row in oldest_first[:MOST_IN_ONE_SWEEP]], seconds=SWEEP_SECONDS)


def given_up():
    """Notifications that could not be sent by e-mail however often it was tried."""
    return Notification.objects.filter(email_due_at__isnull=True, emailed_at__isnull=True, email_attempts__gte=ATTEMPTS)


# --- The message ----------------------------------------------------------------------------------------------------


def compose(user, notifications):
    """One message: a single notification as it stands, several grouped, the oldest first, at most MOST_SHOWN."""
    shown = [_shown(each) for each in notifications[:MOST_SHOWN]]
    context = {
        "name": one_line(user.get_short_name()),
        "groups": _grouped(shown),
        "single": shown[0] if len(notifications) == 1 else None,
        "count": len(notifications),
        "more": len(notifications) - len(shown),
        "notifications_url": settings.SITE_URL + reverse("notifications"),
        "choices_url": settings.SITE_URL + reverse("notification_choices"),
    }
    message = EmailMultiAlternatives(
        subject=_subject(shown, len(notifications)),
        body=render_to_string("accounts/email/notifications.txt", context),
        to=[user.email],
        headers=HEADERS | {"Message-ID": _message_id(notifications)},
    )
    message.attach_alternative(render_to_string("accounts/email/notifications.html", context), "text/html")
    return message


def _shown(notification):
    return {
        "title": one_line(notification.title),
        "body": one_line(" ".join(notification.body.split()), BODY_LENGTH),
        "url": settings.SITE_URL + one_line(notification.url or reverse("notifications")),
        "at": moment(notification.created_at),
        "group": KINDS[notification.kind].group if notification.kind in KINDS else OTHER,
    }


def _grouped(shown):
    groups = dict.fromkeys([kind.group for kind in KINDS.values()] + [OTHER])
    found = ((group, [each for each in shown if each["group"] == group]) for group in groups)
    return [(group, rows) for group, rows in found if rows]


def _subject(shown, count):
    # One line, whatever the title holds: no header can be added through it.
    words = shown[0]["title"] if count == 1 else f"{count} notifications"
    return f"[BioLabs] {one_line(words, SUBJECT_LENGTH)}"


def _message_id(notifications):
    digest = hashlib.sha256(" ".join(sorted(str(each.pk) for each in notifications)).encode()).hexdigest()
    return f"<{digest[:32]}@{urlsplit(settings.SITE_URL).hostname}>"
