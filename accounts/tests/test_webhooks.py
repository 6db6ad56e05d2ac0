"""Messages to other systems: who hears what, the signature, retries, and where a delivery connects to."""

import hashlib
import hmac
import json
import multiprocessing
import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from accounts import tasks, webhook_post, webhooks
from accounts.models import IdempotencyKey, Team, WebhookDelivery
from accounts.tests.hooks import LOOPBACK, Hook, certificate_for, resolving
from accounts.transitions_webhooks import (
    ATTEMPTS,
    LEASE,
    change_webhook,
    claim_delivery,
    create_webhook,
    note_delivered,
    note_not_delivered,
    send_test,
)

MONDAY = datetime(2026, 5, 11, 9, 30, tzinfo=UTC)


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def endpoint(admin, hook, settings):
    settings.WEBHOOK_ALLOWED_INTERNAL = LOOPBACK
    settings.SITE_URL = "https://biolabs.example"
    row, row_secret = create_webhook(by=admin, name="ELN", url=f"http://127.0.0.1:{hook.port}/in?x=1")
    row.plain = row_secret
    return row


def told(kind="ladder_approved", team_id=None, **payload):
    return webhooks.tell(kind, {"title": "Run 12", "path": "/exports/1/", **payload}, team_id=team_id)


# --- Who hears what -------------------------------------------------------------------------------------------------


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


# --- The message ----------------------------------------------------------------------------------------------------


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


# --- Retries --------------------------------------------------------------------------------------------------------


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


def test_a_redirect_is_not_followed(endpoint, hook):
    hook.answers, hook.extra = [302], {"Location": f"http://127.0.0.1:{hook.port}/elsewhere"}
    (delivery,) = told()
    tasks.deliver_webhooks(str(delivery.pk))
    assert [path for path, _, _ in hook.requests] == ["/in?x=1"]
    delivery.refresh_from_db()
    assert (delivery.response_status, delivery.delivered_at) == (302, None)
    assert "Redirects are not followed" in delivery.error


def test_while_an_endpoint_fails_new_messages_wait_for_the_sweep(endpoint, hook):
    hook.answers = [500]
    (first,) = told()
    tasks.deliver_webhooks(str(first.pk))
    (second,) = told()
    assert tasks.deliver_webhooks(str(second.pk)) == "0 delivered, 0 failed"
    assert tasks.sweep_webhooks() == "1 delivered, 0 failed"
    assert json.loads(hook.requests[-1][2])["id"] == str(second.pk)


def test_a_server_that_drips_is_cut_off(endpoint, monkeypatch):
    """Byte after byte, each well within a socket's timeout."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip():
        connected, _ = listener.accept()
        with connected:
            try:
                while not ended.wait(0.05):
                    connected.sendall(b"H")
            except OSError:
                pass

    threading.Thread(target=drip, daemon=True).start()
    monkeypatch.setattr(webhooks, "SECONDS", 0.4)
    endpoint.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    endpoint.save()
    (delivery,) = told()
    tasks.deliver_webhooks(str(delivery.pk))
    ended.set()
    listener.close()
    assert WebhookDelivery.objects.get().error.startswith("No answer within")


def test_a_refused_connection_is_a_sentence(endpoint, hook):
    hook.close()
    (delivery,) = told()
    tasks.deliver_webhooks(str(delivery.pk))
    assert WebhookDelivery.objects.get().error == "It refused the connection."


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_other_side_is_asked(endpoint, monkeypatch):
    seen = []
    monkeypatch.setattr(webhooks, "post", lambda *_, **__: seen.append(connection.in_atomic_block) or 200)
    (delivery,) = told()
    tasks.deliver_webhooks(str(delivery.pk))
    assert seen == [False]


# --- Where it connects to -------------------------------------------------------------------------------------------


def test_a_name_that_leads_inside_the_second_time_is_not_connected_to(admin, hook, monkeypatch):
    """DNS rebinding: public when registered, loopback when delivered."""
    asked = resolving(monkeypatch, {"hooks.example": [["93.184.215.14"], ["127.0.0.1"]]})
    create_webhook(by=admin, name="Evil", url=f"https://hooks.example:{hook.port}/")
    (delivery,) = told()
    tasks.deliver_webhooks(str(delivery.pk))
    assert "internal address 127.0.0.1" in WebhookDelivery.objects.get().error
    assert asked == ["hooks.example"] * 2
    assert hook.requests == []


def test_the_checked_address_is_the_one_connected_to_and_the_certificate_is_of_the_name(
    admin, monkeypatch, settings, tmp_path
):
    context, certificate = certificate_for("hooks.lab.example", tmp_path)
    hook = Hook(tls=context)
    settings.WEBHOOK_ALLOWED_INTERNAL = (["hooks.lab.example", "other.lab.example"], [])
    names = ["hooks.lab.example", "other.lab.example"]
    asked = resolving(monkeypatch, {name: ["127.0.0.1"] for name in names})
    for name in names:
        create_webhook(by=admin, name=name, url=f"https://{name}:{hook.port}/")
    del asked[:]
    monkeypatch.setattr(webhook_post, "TLS", ssl.create_default_context(cafile=certificate))
    told()
    # Nothing but the check asks for a name: the connection goes to the number.
    monkeypatch.setattr(socket, "create_connection", _only_numbers(socket.create_connection))
    tasks.sweep_webhooks()
    hook.close()
    delivered, refused = WebhookDelivery.objects.order_by("endpoint__name")
    assert delivered.delivered_at
    assert "certificate is not trusted" in refused.error
    ((_, headers, _),) = hook.requests
    assert headers["Host"] == f"hooks.lab.example:{hook.port}"
    assert sorted(asked) == names


def _only_numbers(create_connection):
    def create(address, **options):
        assert address[0] == "127.0.0.1"
        plain = socket.socket()
        plain.settimeout(options["timeout"])
        plain.connect(address)
        return plain

    return create


# --- Claims ---------------------------------------------------------------------------------------------------------


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
    assert (row.error, row.next_attempt_at) == ("The webhook was switched off.", None)
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


# --- What is forgotten ----------------------------------------------------------------------------------------------


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


def test_a_test_message_arrives(endpoint, admin, hook):
    delivery = send_test(endpoint.pk, by=admin)
    tasks.deliver_webhooks(str(delivery.pk))
    assert json.loads(hook.requests[0][2])["data"] == {"sent_by": "Ada Ng"}
