"""What is forgotten after a while: messages to webhooks that are done with, and remembered API answers."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import IdempotencyKey, WebhookDelivery

DELIVERIES_KEPT = timedelta(days=30)
IDEMPOTENCY_KEYS_KEPT = timedelta(days=7)
ROWS_AT_ONCE = 1000


def prune():
    """Answers how many rows went, in words."""
    now = timezone.now()
    deliveries = WebhookDelivery.objects.filter(next_attempt_at__isnull=True, created_at__lt=now - DELIVERIES_KEPT)
    keys = IdempotencyKey.objects.filter(created_at__lt=now - IDEMPOTENCY_KEYS_KEPT)
    return f"{_delete(deliveries)} deliveries, {_delete(keys)} idempotency keys"


def _delete(rows):
    # Some at a time: one long DELETE would hold up every other writer on SQLite.
    count = 0
    while pks := list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        count += rows.filter(pk__in=pks).delete()[0]
    return count
