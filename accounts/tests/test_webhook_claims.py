"""One message is sent by one worker, whoever else is killed, late or at it too."""

import multiprocessing
import os

import pytest
from django.db import connections
from django.utils import timezone

from accounts import tasks
from accounts.models import WebhookDelivery
from accounts.tests.hooks import told
from accounts.transitions_webhooks import (
    LEASE,
    change_webhook,
    claim_delivery,
    note_delivered,
    note_not_delivered,
)


def test_a_worker_killed_while_it_sends_leaves_the_message_to_the_sweep_after_the_lease(clock, endpoint, hook):
    (delivery,) = told()
    assert claim_delivery(delivery.pk, now=timezone.now())
    assert tasks.sweep_webhooks() == "0 delivered, 0 failed"
    clock.shift(LEASE)
    assert tasks.sweep_webhooks() == "1 delivered, 0 failed"
    assert WebhookDelivery.objects.get().attempts == 2


def test_a_late_worker_changes_nothing_but_may_say_delivered(clock, endpoint):
    (delivery,) = told()
    late = claim_delivery(delivery.pk, now=timezone.now())
    clock.shift(LEASE)
    second = claim_delivery(delivery.pk, now=timezone.now())
    note_not_delivered(late, now=timezone.now(), status=500, error="late")
    assert WebhookDelivery.objects.get().next_attempt_at == second.next_attempt_at
    note_delivered(late, now=timezone.now(), status=200)
    assert WebhookDelivery.objects.get().delivered_at


def test_what_waits_for_a_webhook_that_is_switched_off_is_given_up_quietly(endpoint, admin, hook):
    told()
    change_webhook(endpoint.pk, by=admin, is_active=False)
    assert tasks.sweep_webhooks() == "0 delivered, 0 failed"
    row = WebhookDelivery.objects.get()
    assert (row.error, row.next_attempt_at) == ("The webhook was paused.", None)
    assert not admin.notifications.exists()
    assert hook.requests == []


def _in_a_process(delivery_pk, barrier):
    try:
        barrier.wait(30)
        tasks.deliver_webhooks(delivery_pk)
    finally:
        connections.close_all()
        os._exit(0)  # nothing of the test session is torn down here


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_send_one_message(endpoint, hook):
    (delivery,) = told()
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(4)
    workers = [fork.Process(target=_in_a_process, args=(str(delivery.pk), barrier)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(hook.requests) == 1
    assert WebhookDelivery.objects.get().attempts == 1
