"""Messages to other systems: who hears what, what a message holds, and when it is forgotten."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from accounts import tasks
from accounts.models import IdempotencyKey, Team, WebhookDelivery
from accounts.tests.hooks import told
from accounts.transitions_webhooks import (
    change_webhook,
    send_test,
)


def test_an_endpoint_hears_its_kinds_and_its_team_while_it_is_active(admin, endpoint, team):
    other = Team.objects.create(name="Other")
    change_webhook(endpoint.pk, by=admin, kinds=["ladder_approved"], team=team)
    assert len(told(team_id=team.pk)) == 1
    assert told(team_id=other.pk) == told(team_id=None) == []
    assert told("ladder_rejected", team_id=team.pk) == []
    change_webhook(endpoint.pk, by=admin, is_active=False)
    assert told(team_id=team.pk) == []


def test_a_message_that_nobody_hears_costs_one_query(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert told() == []
    assert not OrmQ.objects.exists()


def test_a_kind_outside_the_table_is_a_mistake(db):
    with pytest.raises(ValueError, match="WEBHOOK_KINDS"):
        told("x")


def test_the_job_carries_identifiers_only_and_goes_with_the_transaction(endpoint):
    with transaction.atomic():
        told()
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()
    assert not OrmQ.objects.exists()
    (delivery,) = told()
    job = SignedPackage.loads(OrmQ.objects.get().payload)
    assert (job["func"], job["args"]) == ("accounts.tasks.deliver_webhooks", (str(delivery.pk),))


def test_the_message_is_signed_so_that_the_receiver_can_check_it(endpoint, hook, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (delivery,) = told(stage="QA")
    assert tasks.deliver_webhooks(str(delivery.pk)) == "1 delivered, 0 failed"
    ((path, headers, body),) = hook.requests
    assert path == "/in?x=1"
    expected = hmac.new(
        endpoint.plain.encode(), headers["X-BioLabs-Timestamp"].encode() + b"." + body, hashlib.sha256
    ).hexdigest()
    assert headers["X-BioLabs-Signature"] == f"v1={expected}"
    assert headers["X-BioLabs-Event"] == "ladder_approved"
    assert headers["X-BioLabs-Delivery"] == str(delivery.pk)
    assert headers["Host"] == f"127.0.0.1:{hook.port}"
    message = json.loads(body)
    assert message["data"] == {"title": "Run 12", "stage": "QA", "url": "https://biolabs.example/exports/1/"}
    assert (message["id"], message["event"]) == (str(delivery.pk), "ladder_approved")
    delivery.refresh_from_db()
    assert (delivery.response_status, delivery.error, delivery.next_attempt_at) == (200, "", None)
    assert delivery.delivered_at is not None
    assert tasks.deliver_webhooks(str(delivery.pk)) == "0 delivered, 0 failed"
    assert len(hook.requests) == 1


def test_the_secret_is_not_stored_as_it_is(endpoint):
    endpoint.refresh_from_db()
    assert endpoint.plain.startswith("whsec_")
    assert endpoint.plain not in endpoint.secret


def test_a_secret_that_cannot_be_read_is_a_failure_with_its_reason(endpoint, hook, settings):
    endpoint.secret = "lost"
    endpoint.save()
    (delivery,) = told()
    assert tasks.deliver_webhooks(str(delivery.pk)) == "0 delivered, 1 failed"
    assert "SECRET_KEY" in WebhookDelivery.objects.get().error
    assert hook.requests == []


def test_a_test_message_arrives(endpoint, admin, hook):
    delivery = send_test(endpoint.pk, by=admin)
    tasks.deliver_webhooks(str(delivery.pk))
    assert json.loads(hook.requests[0][2])["data"] == {"sent_by": "Ada Ng"}


def test_old_finished_messages_and_remembered_answers_go(endpoint, admin):
    now = timezone.now()
    for age, waiting in [(29, False), (31, False), (31, True)]:
        WebhookDelivery.objects.create(
            endpoint=endpoint,
            kind="test",
            created_at=now - timedelta(days=age),
            next_attempt_at=now if waiting else None,
        )
    for age in (6, 8):
        IdempotencyKey.objects.create(
            user=admin, key=str(age), path="/", response_status=201, created_at=now - timedelta(days=age)
        )
    assert tasks.prune() == "1 deliveries, 1 idempotency keys"
    assert WebhookDelivery.objects.count() == 2
    assert IdempotencyKey.objects.get().key == "6"
