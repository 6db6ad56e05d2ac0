"""Tell other systems what happened: signed JSON to registered endpoints, through the queue, retried."""

import hashlib
import hmac
import logging
import ssl
import time
from http.client import HTTPException

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.secrets_at_rest import Unreadable, decrypt
from accounts.transitions_webhooks import (
    claim_delivery,
    enqueue_deliveries,
    give_up_stale,
    note_delivered,
    note_not_delivered,
)
from accounts.webhook_addresses import Forbidden, checked_addresses, target_of
from accounts.webhook_kinds import TEST, check_kind
from accounts.webhook_post import post

log = logging.getLogger(__name__)
SECONDS = 10
SWEEP_SECONDS = 45.0


def tell(kind, payload, *, team_id):
    """Enqueue a message to every active endpoint that hears this kind and team, in the caller's transaction.

    `payload` is JSON-ready, ids and titles only; `path` in it becomes an absolute `url`.
    """
    check_kind(kind)
    rows = WebhookEndpoint.objects.filter(is_active=True).filter(Q(team__isnull=True) | Q(team_id=team_id))
    endpoints = [endpoint for endpoint in rows if not endpoint.kinds or kind in endpoint.kinds]
    if not endpoints:
        return []
    return enqueue_deliveries(endpoints, kind, _with_url(payload), team_id=team_id)


def _with_url(payload):
    path = payload.get("path", "")
    return {key: value for key, value in payload.items() if key != "path"} | {
        "url": settings.SITE_URL + path if path else None
    }


def state_of(delivery):
    if delivery.delivered_at:
        return "delivered"
    return "gave_up" if delivery.gave_up_at else "waiting"


# --- Delivering -----------------------------------------------------------------------------------------------------


def deliver_new(delivery_ids):
    """Deliver these now, but for endpoints in trouble: their messages wait for the sweep, which tries one a minute."""
    rows = WebhookDelivery.objects.filter(pk__in=delivery_ids).filter(Q(kind=TEST) | ~Q(endpoint__in=_in_trouble()))
    return _words(deliver(pk) for pk in rows.values_list("pk", flat=True))


def sweep():
    """Deliver what is due: retries, and whatever a lost job or a killed worker left behind."""
    give_up_stale(now=timezone.now())
    stop_at, failed, answers = time.monotonic() + SWEEP_SECONDS, set(), []
    while time.monotonic() < stop_at and (delivery := _longest_due(but_for=failed)):
        answers.append(deliver(delivery.pk))
        if answers[-1] is False:
            failed.add(delivery.endpoint_id)  # one endpoint that hangs must not hold up the others
    return _words(answers)


def _longest_due(*, but_for):
    due = WebhookDelivery.objects.filter(next_attempt_at__lte=timezone.now()).exclude(endpoint__in=but_for)
    return due.order_by("next_attempt_at", "pk").only("endpoint_id").first()


def _in_trouble():
    failed_before = WebhookDelivery.objects.filter(next_attempt_at__isnull=False).exclude(error="")
    return failed_before.values("endpoint_id")


def _words(answers):
    answers = list(answers)
    return f"{answers.count(True)} delivered, {answers.count(False)} failed"


def deliver(delivery_id):
    """Claim and send one message; True when it was taken, False when not, None when there was nothing to do."""
    delivery = claim_delivery(delivery_id, now=timezone.now())
    if delivery is None:
        return None
    status, error = _sent(delivery)
    if error:
        note_not_delivered(delivery, now=timezone.now(), status=status, error=error)
        return False
    note_delivered(delivery, now=timezone.now(), status=status)
    return True


def _sent(delivery):
    """`(status, what went wrong)`; never raises, whatever the other side does."""
    try:
        target = target_of(delivery.endpoint.url)
        secret = decrypt(delivery.endpoint.secret)
        body = delivery.body.encode()
        headers = headers_of(delivery, secret, body, timestamp=int(time.time()))
        status = post(target, checked_addresses(target), body, headers, seconds=SECONDS)
    except Exception as error:  # noqa: BLE001  the row must say so and be tried again
        return None, _what_went_wrong(error)
    if 200 <= status < 300:
        return status, ""
    redirect = " Redirects are not followed; change the address." if 300 <= status < 400 else ""
    return status, f"It answered {status}.{redirect}"


def _what_went_wrong(error):
    if isinstance(error, (Forbidden, Unreadable)):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"No answer within {SECONDS} seconds."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not trusted: {error.verify_message}."
    if isinstance(error, ConnectionRefusedError):
        return "It refused the connection."
    if isinstance(error, (OSError, HTTPException)):
        return f"The connection failed ({type(error).__name__})."
    log.error("a webhook could not be sent", exc_info=error)
    return f"It could not be sent ({type(error).__name__})."


def headers_of(delivery, secret, body, *, timestamp):
    return {
        "Content-Type": "application/json",
        "User-Agent": "BioLabs-Webhook/1",
        "X-BioLabs-Event": delivery.kind,
        "X-BioLabs-Delivery": str(delivery.pk),
        "X-BioLabs-Timestamp": str(timestamp),
        "X-BioLabs-Signature": f"v1={signature(secret, timestamp, body)}",
    }


def signature(secret, timestamp, body):
    """HMAC-SHA256 over `timestamp.body`, hexadecimal; the receiver computes the same and compares."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
