"""What people have read and choose to get by e-mail, and the states of one e-mail: waiting, claimed, sent, given up.

A claim moves `email_due_at` to the end of a lease, and that moment is its fence: two workers never hold the same row,
and the rows of a killed worker are due again when the lease is over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, When
from django.utils import timezone

from accounts.enums import AccountAction, EmailWhen
from accounts.events import record_account_event
from accounts.locks import locked_person
from accounts.models import Notification, NotificationChoice, User
from accounts.notification_kinds import KINDS, MUST_BE_MAILED
from accounts.policies import check_is_oneself
from accounts.queries import email_choices, emails_due
from ledger.errors import Invalid

LEASE = timedelta(minutes=5)
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480))
ATTEMPTS = len(BACK_OFF) + 1


def choose_notifications(user, *, by, choices):
    """Set how kinds go by e-mail, `{kind: at_once|digest|off}`; answers what changed. Kinds left out stay.

    Raises NotAllowed for somebody else's choices, Invalid for an unknown kind or a way it does not go.
    """
    check_is_oneself(by, user)
    for code, when in choices.items():
        _check_choice(code, when)
    with transaction.atomic():
        locked_person(user.pk)
        before = email_choices(user)
        changes = {
            str(code): {"from": str(before[code]), "to": str(when)}
            for code, when in choices.items()
            if before[code] != when
        }
        if not changes:
            return {}
        NotificationChoice.objects.bulk_create(
            [NotificationChoice(user=user, kind=code, email=change["to"]) for code, change in changes.items()],
            update_conflicts=True,
            unique_fields=["user", "kind"],
            update_fields=["email"],
        )
        off = [code for code, change in changes.items() if change["to"] == EmailWhen.OFF]
        Notification.objects.filter(user=user, kind__in=off, emailed_at__isnull=True).update(email_due_at=None)
        record_account_event(AccountAction.NOTIFICATIONS_CHOSEN, by=by, about=user, changes=changes)
    return changes


def _check_choice(code, when):
    kind = KINDS.get(code)
    if kind is None:
        raise Invalid.field(code, "There is no such kind of notification.", code="unknown_kind")
    if when not in kind.options:
        words = ", ".join(kind.options)
        raise Invalid.field(code, f"“{kind.words}” goes by e-mail in one of these ways: {words}.", code="choice")


def mark_notifications_read(*, by, notification_ids=None):
    """Mark these notifications of one's own as read, or all; answers how many were unread."""
    mine = Notification.objects.visible_to(by).unread()
    if notification_ids is not None:
        mine = mine.filter(pk__in=notification_ids)
    # What was read here needs no e-mail; what guards the account is sent all the same.
    due = Case(When(kind__in=MUST_BE_MAILED, then=F("email_due_at")), default=None)
    return mine.update(read_at=timezone.now(), email_due_at=due)


# --- One e-mail -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EmailClaim:
    """The waiting notifications of one person, ours until the lease is over."""

    user: User
    notifications: tuple
    until: datetime

    def rows(self):
        """Those that are still claimed by us."""
        return Notification.objects.filter(
            pk__in=[each.pk for each in self.notifications], email_due_at=self.until, emailed_at__isnull=True
        )


def claim_emails(user_id, *, now):
    """Claim all that waits for one person, counting the attempt; None when there is nothing to send."""
    with transaction.atomic():
        # What a second worker claims, or the person reads, in this moment is passed over. Waiting for them would be
        # waited for: they lock the same rows in another order.
        due = emails_due(now).filter(user_id=user_id).order_by("created_at", "pk")
        waiting = list(due.select_for_update(skip_locked=True))
        rows = Notification.objects.filter(pk__in=[each.pk for each in waiting])
        rows.filter(email_attempts__gte=ATTEMPTS).update(email_due_at=None)
        ours = tuple(each for each in waiting if each.email_attempts < ATTEMPTS)
        user = User.objects.active().filter(pk=user_id).first()
        if user is None:
            rows.update(email_due_at=None)
        if user is None or not ours:
            return None
        claim = EmailClaim(user, ours, now + LEASE)
        rows.filter(email_attempts__lt=ATTEMPTS).update(
            email_due_at=claim.until, email_attempts=F("email_attempts") + 1
        )
    return claim


def note_emails_sent(claim):
    """The server has taken the message; true also for a worker that came back after its lease."""
    pks = [each.pk for each in claim.notifications]
    Notification.objects.filter(pk__in=pks, emailed_at__isnull=True).update(emailed_at=timezone.now())


def give_emails_back(claim, *, now):
    """Sending failed: try again later, or give up after the limit. Answers how many were given up."""
    with transaction.atomic():
        attempts = max(each.email_attempts for each in claim.notifications) + 1
        given_up = claim.rows().filter(email_attempts__gte=ATTEMPTS).update(email_due_at=None)
        claim.rows().update(email_due_at=now + BACK_OFF[min(attempts, len(BACK_OFF)) - 1])
    return given_up
