"""Every write to webhooks: who is told, and the states of one message (waiting, delivered, given up).

A claim moves `next_attempt_at` to the end of a lease, and that moment is its fence.
"""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django_q.tasks import async_task

from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.locks import still_administrator
from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.notify import notify, operators
from accounts.policies import check_is_administrator
from accounts.secrets_at_rest import encrypt
from accounts.validation import one_clean_line
from accounts.webhook_addresses import Forbidden, checked_addresses, target_of
from accounts.webhook_kinds import TEST, checked_kinds
from ledger.canonical import canonical_text, rfc3339
from ledger.errors import Invalid, TransitionDenied
from portal.text import one_line

DELIVER = "accounts.tasks.deliver_webhooks"
NAME_LENGTH = WebhookEndpoint._meta.get_field("name").max_length
URL_LENGTH = WebhookEndpoint._meta.get_field("url").max_length
ERROR_LENGTH = WebhookDelivery._meta.get_field("error").max_length
LEASE = timedelta(minutes=2)
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 1440))
ATTEMPTS = len(BACK_OFF) + 1
KEPT_WAITING = timedelta(days=3)
SWITCHED_OFF = "The webhook was paused."


# --- Endpoints ------------------------------------------------------------------------------------------------------


def create_webhook(*, by, name, url, kinds=(), team=None):
    """Register an endpoint; answers `(row, secret)`, and the secret is never shown again.

    Raises NotAllowed, Invalid also for an address that is internal or not known, TransitionDenied for the same again.
    """
    check_is_administrator(by)
    secret = new_secret()
    endpoint = WebhookEndpoint(
        name=one_clean_line(name, "name", NAME_LENGTH),
        url=checked_url(url),
        kinds=checked_kinds(kinds),
        team=team,
        secret=encrypt(secret),
        created_by=by,
    )
    with transaction.atomic():
        still_administrator(by)
        _check_new(endpoint)
        endpoint.save()
        record_account_event(
            AccountAction.WEBHOOK_CREATED,
            by=by,
            webhook_id=str(endpoint.pk),
            **_facts(endpoint, "name url kinds team_id"),
        )
    return endpoint, secret


def change_webhook(webhook_id, *, by, **changes):
    """Change `name`, `url`, `kinds`, `team` or `is_active`; what waits for one that is switched off is given up.

    Raises WebhookEndpoint.DoesNotExist, NotAllowed, Invalid.
    """
    check_is_administrator(by)
    changes = _checked_changes(webhook_id, changes)
    with transaction.atomic():
        still_administrator(by)
        endpoint = _locked(webhook_id)
        facts = "name url kinds team_id is_active"
        before = _facts(endpoint, facts)
        for field, value in changes.items():
            setattr(endpoint, field, value)
        after = _facts(endpoint, facts)
        changed = {
            field: {"from": before[field], "to": after[field]} for field in before if before[field] != after[field]
        }
        if not changed:
            return endpoint
        endpoint.save()
        if not endpoint.is_active:
            _waiting(endpoint).update(gave_up_at=timezone.now(), next_attempt_at=None, error=SWITCHED_OFF)
        record_account_event(AccountAction.WEBHOOK_CHANGED, by=by, webhook_id=str(endpoint.pk), changes=changed)
    return endpoint


def _check_new(endpoint):
    # A form sent twice: everything would be told twice, and the first secret would never have been seen.
    if WebhookEndpoint.objects.filter(name=endpoint.name, url=endpoint.url, team=endpoint.team).exists():
        raise TransitionDenied(
            f"{endpoint.name} is registered with this address already. Make a new secret if you did not see it.",
            code="webhook_exists",
        )


def _checked_changes(webhook_id, changes):
    if unknown := set(changes) - {"name", "url", "kinds", "team", "is_active"}:
        raise ValueError(f"change_webhook does not change {sorted(unknown)}.")
    if changes.get("url") == WebhookEndpoint.objects.get(pk=webhook_id).url:
        del changes["url"]  # a name that is no longer known must not keep anybody from switching it off
    checks = {
        "name": lambda name: one_clean_line(name, "name", NAME_LENGTH),
        "url": checked_url,
        "kinds": checked_kinds,
    }
    return {field: checks[field](value) if field in checks else value for field, value in changes.items()}


def renew_webhook_secret(webhook_id, *, by):
    """A new secret, from the next attempt on; answers `(row, secret)`."""
    check_is_administrator(by)
    secret = new_secret()
    with transaction.atomic():
        still_administrator(by)
        endpoint = _locked(webhook_id)
        endpoint.secret = encrypt(secret)
        endpoint.save(update_fields=["secret"])
        record_account_event(
            AccountAction.WEBHOOK_CHANGED, by=by, webhook_id=str(endpoint.pk), changes={"secret": "renewed"}
        )
    return endpoint, secret


def remove_webhook(webhook_id, *, by):
    """Forget a webhook that is switched off, and its deliveries; the audit trail keeps what it was.

    Raises WebhookEndpoint.DoesNotExist, NotAllowed, TransitionDenied `webhook_active`.
    """
    check_is_administrator(by)
    with transaction.atomic():
        still_administrator(by)
        endpoint = _locked(webhook_id)
        # Two acts: a signature that found it active a moment ago may be enqueuing a message for it.
        if endpoint.is_active:
            raise TransitionDenied(f"{endpoint.name} is active. Pause it first, then remove it.", code="webhook_active")
        facts = _facts(endpoint, "name url kinds team_id")
        endpoint.deliveries.all().delete()
        endpoint.delete()
        record_account_event(AccountAction.WEBHOOK_REMOVED, by=by, webhook_id=str(webhook_id), **facts)


def send_test(webhook_id, *, by):
    """Enqueue a message of the kind `test`. Raises TransitionDenied for an endpoint that is switched off."""
    check_is_administrator(by)
    with transaction.atomic():
        endpoint = _locked(webhook_id)
        if not endpoint.is_active:
            raise TransitionDenied(f"{endpoint.name} is paused. Resume it first.", code="webhook_inactive")
        (delivery,) = enqueue_deliveries([endpoint], TEST, {"sent_by": by.printed_name}, team_id=endpoint.team_id)
    return delivery


def checked_url(url):
    """The address when a webhook may go there now; raises Invalid at `url`."""
    url = one_clean_line(url, "url", URL_LENGTH)
    try:
        checked_addresses(target_of(url))
    except Forbidden as error:
        raise Invalid.field("url", str(error), code="webhook_address") from error
    return url


def new_secret():
    return f"whsec_{secrets.token_urlsafe(32)}"


def _facts(endpoint, names):
    facts = {name: getattr(endpoint, name) for name in names.split()}
    return facts | {"team_id": str(endpoint.team_id) if endpoint.team_id else None}


def _locked(webhook_id):
    # Not the key: a signature that enqueues a message for it meanwhile neither waits nor deadlocks.
    return WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=webhook_id)


# --- One message ----------------------------------------------------------------------------------------------------


def enqueue_deliveries(endpoints, kind, data, *, team_id):
    """One waiting message for each endpoint, and the job, in the caller's transaction."""
    now = timezone.now()
    rows = [WebhookDelivery(endpoint=each, kind=kind, created_at=now, next_attempt_at=now) for each in endpoints]
    for row in rows:
        row.body = canonical_text(
            {
                "id": str(row.pk),
                "event": kind,
                "created_at": rfc3339(now),
                "team_id": str(team_id) if team_id else None,
                "data": data,
            }
        )
    WebhookDelivery.objects.bulk_create(rows)
    async_task(DELIVER, *(str(row.pk) for row in rows))
    return rows


def retry_delivery(delivery_id, *, by):
    """One more attempt, now, of a message that was given up or waits long for its next; answers the message.

    Raises WebhookDelivery.DoesNotExist, NotAllowed, TransitionDenied `webhook_inactive`, `not_retryable`.
    """
    check_is_administrator(by)
    now = timezone.now()
    with transaction.atomic():
        row = WebhookDelivery.objects.select_related("endpoint").get(pk=delivery_id)
        if not row.endpoint.is_active:
            raise TransitionDenied(f"{row.endpoint.name} is paused. Resume it first.", code="webhook_inactive")
        attempts = min(row.attempts, ATTEMPTS - 1)
        again = {"next_attempt_at": now, "gave_up_at": None, "attempts": attempts, "error": ""}
        if why_not_retry(row, now=now) or not _held(row).filter(gave_up_at=row.gave_up_at).update(**again):
            raise TransitionDenied(
                why_not_retry(row, now=now) or "A worker has just taken this message up.", code="not_retryable"
            )
        async_task(DELIVER, str(row.pk))
    row.refresh_from_db()
    return row


def why_not_retry(delivery, *, now):
    """The sentence, or None where the message may be sent again."""
    if delivery.delivered_at:
        return "This message was delivered."
    # A claim never reaches further than its lease: whatever waits longer is in nobody's hands.
    if delivery.gave_up_at is None and delivery.next_attempt_at <= now + LEASE:
        return "This message is about to be tried."
    return None


def claim_delivery(delivery_id, *, now):
    """The message, ours until its `next_attempt_at`, with the attempt counted; None when it is not to be sent."""
    row = WebhookDelivery.objects.select_related("endpoint").filter(pk=delivery_id, next_attempt_at__lte=now).first()
    if row is None:
        return None
    if row.attempts >= ATTEMPTS or not row.endpoint.is_active:
        words = (row.error or "Its worker was killed each time.") if row.endpoint.is_active else SWITCHED_OFF
        _give_up(row.endpoint_id, _held(row), now=now, error=words)
        return None
    seen, row.next_attempt_at = row.next_attempt_at, now + LEASE
    ours = WebhookDelivery.objects.filter(pk=row.pk, next_attempt_at=seen)
    if not ours.update(next_attempt_at=row.next_attempt_at, attempts=F("attempts") + 1):
        return None
    row.attempts += 1
    return row


def note_delivered(delivery, *, now, status):
    """The endpoint took it; true also when we came back after the lease."""
    WebhookDelivery.objects.filter(pk=delivery.pk, delivered_at__isnull=True).update(
        delivered_at=now, gave_up_at=None, next_attempt_at=None, response_status=status, error=""
    )


def note_not_delivered(delivery, *, now, status, error):
    """Try again later, or give up after the last attempt; nothing when the claim is no longer ours."""
    if delivery.attempts >= ATTEMPTS:
        _give_up(delivery.endpoint_id, _held(delivery), now=now, error=error, response_status=status)
        return
    _held(delivery).update(
        next_attempt_at=now + BACK_OFF[delivery.attempts - 1],
        response_status=status,
        error=one_line(error, ERROR_LENGTH),
    )


def give_up_stale(*, now):
    """Messages older than KEPT_WAITING, so that the backlog of an endpoint that never answers comes to an end.

    One whose last attempt is left gets it: somebody may have asked for it by hand.
    """
    waiting = WebhookDelivery.objects.filter(next_attempt_at__lte=now, attempts__lt=ATTEMPTS - 1).order_by()
    stale = waiting.filter(created_at__lt=now - KEPT_WAITING)
    for endpoint_id in stale.values_list("endpoint_id", flat=True).distinct():
        _give_up(endpoint_id, stale.filter(endpoint=endpoint_id), now=now, error="It waited for three days.")


def _give_up(endpoint_id, rows, *, now, error, **answer):
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
        if endpoint is None:
            return  # removed while its message was under way
        told_before = _given_up_since_last_success(endpoint)
        given_up = rows.update(gave_up_at=now, next_attempt_at=None, error=one_line(error, ERROR_LENGTH), **answer)
        if given_up and endpoint.is_active and not told_before:
            _tell_operators(endpoint, error, now=now)


def _tell_operators(endpoint, error, *, now):
    people = operators(now=now)
    for looks, url in ((True, reverse("webhook", args=[endpoint.pk])), (False, "")):
        notify(
            [person for person in people if person.is_admin is looks],
            kind="webhook_gave_up",
            title=f"The webhook {endpoint.name} cannot be delivered",
            body=f"A message is given up. {error} The webhook stays active: newer messages are tried. "
            "Administrators see its deliveries and can correct or pause it.",
            url=url,
        )


def _given_up_since_last_success(endpoint):
    rows = endpoint.deliveries.filter(gave_up_at__isnull=False).exclude(error=SWITCHED_OFF)
    last = endpoint.deliveries.filter(delivered_at__isnull=False).order_by("-delivered_at").first()
    return (rows.filter(gave_up_at__gt=last.delivered_at) if last else rows).exists()


def _held(delivery):
    return WebhookDelivery.objects.filter(pk=delivery.pk, next_attempt_at=delivery.next_attempt_at)


def _waiting(endpoint):
    return endpoint.deliveries.filter(next_attempt_at__isnull=False)
