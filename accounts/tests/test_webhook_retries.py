"""A message that does not get through: tried again, given up, and nobody else waits for it."""

import json
from datetime import timedelta

from django.utils import timezone

from accounts import tasks
from accounts.models import WebhookDelivery
from accounts.tests.hooks import Hook, told
from accounts.transitions_webhooks import (
    ATTEMPTS,
    claim_delivery,
    create_webhook,
    note_delivered,
    send_test,
)


def test_failures_are_retried_with_back_off_then_given_up_and_operators_told_once(clock, endpoint, hook, admin):
    hook.answers = [500] * 100
    for _ in range(2):
        told()
        clock.move_to(timezone.now())
    waits = []
    for attempt in range(1, ATTEMPTS + 1):
        first = WebhookDelivery.objects.order_by("pk")[0]
        assert tasks.sweep_webhooks() == "0 delivered, 1 failed"  # the second waits for the next sweep
        assert tasks.sweep_webhooks() == "0 delivered, 1 failed"
        first.refresh_from_db()
        assert (first.attempts, first.response_status) == (attempt, 500)
        if attempt < ATTEMPTS:
            waits.append(int((first.next_attempt_at - timezone.now()).total_seconds() // 60))
            clock.move_to(first.next_attempt_at)
    assert waits == [1, 5, 30, 120, 480, 1440]
    assert first.gave_up_at == timezone.now()
    assert first.error == "It answered 500."
    assert [row.kind for row in admin.notifications.all()] == ["webhook_gave_up"]
    assert len(hook.requests) == 2 * ATTEMPTS
    endpoint.refresh_from_db()
    assert endpoint.is_active
    hook.answers = []
    told()
    assert tasks.sweep_webhooks() == "1 delivered, 0 failed"


def test_operators_are_told_again_after_it_worked_in_between(clock, endpoint, admin):
    for outage in range(2):
        (delivery,) = told()
        WebhookDelivery.objects.filter(pk=delivery.pk).update(attempts=ATTEMPTS)
        assert claim_delivery(delivery.pk, now=timezone.now()) is None
        assert admin.notifications.count() == outage + 1
        clock.shift(60)
        (delivery,) = told()
        note_delivered(claim_delivery(delivery.pk, now=timezone.now()), now=timezone.now(), status=204)
        clock.shift(60)


def test_the_backlog_of_an_endpoint_that_never_answers_ends_after_three_days(clock, endpoint, hook, admin):
    hook.answers = [500] * 10
    for _ in range(3):
        told()
    clock.shift(timedelta(days=3, seconds=1))
    told()
    assert tasks.sweep_webhooks() == "0 delivered, 1 failed"
    given_up = WebhookDelivery.objects.filter(gave_up_at__isnull=False)
    assert {(row.error, row.attempts) for row in given_up} == {("It waited for three days.", 0)}
    assert given_up.count() == 3
    assert admin.notifications.count() == 1


def test_one_endpoint_in_trouble_does_not_hold_up_the_others(endpoint, hook, admin):
    other = Hook()
    create_webhook(by=admin, name="Other", url=f"http://127.0.0.1:{other.port}/")
    hook.answers = [500] * 10
    for _ in range(3):
        told()
    assert tasks.sweep_webhooks() == "3 delivered, 1 failed"
    other.close()
    assert (len(hook.requests), len(other.requests)) == (1, 3)


def test_a_test_message_is_sent_at_once_whatever_trouble_there_is(endpoint, hook, admin):
    hook.answers = [500]
    (first,) = told()
    tasks.deliver_webhooks(str(first.pk))
    assert tasks.deliver_webhooks(str(send_test(endpoint.pk, by=admin).pk)) == "1 delivered, 0 failed"


def test_while_an_endpoint_fails_new_messages_wait_for_the_sweep(endpoint, hook):
    hook.answers = [500]
    (first,) = told()
    tasks.deliver_webhooks(str(first.pk))
    (second,) = told()
    assert tasks.deliver_webhooks(str(second.pk)) == "0 delivered, 0 failed"
    assert tasks.sweep_webhooks() == "1 delivered, 0 failed"
    assert json.loads(hook.requests[-1][2])["id"] == str(second.pk)
