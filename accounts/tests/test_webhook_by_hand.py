"""What an administrator does with webhooks by hand: send a message again, and remove what is paused."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from accounts import tasks
from accounts.enums import AccountAction
from accounts.models import AccountEvent, RoleGrant, WebhookDelivery, WebhookEndpoint
from accounts.tests.hooks import told
from accounts.transitions_webhooks import (
    ATTEMPTS,
    BACK_OFF,
    change_webhook,
    claim_delivery,
    note_not_delivered,
    remove_webhook,
    retry_delivery,
)
from ledger.errors import NotAllowed, TransitionDenied


@pytest.fixture
def given_up(clock, endpoint):
    (row,) = told()
    WebhookDelivery.objects.filter(pk=row.pk).update(attempts=ATTEMPTS - 1)
    note_not_delivered(claim_delivery(row.pk, now=timezone.now()), now=timezone.now(), status=500, error="500")
    row.refresh_from_db()
    assert row.gave_up_at
    return row


def test_a_message_that_was_given_up_is_sent_again_under_the_same_id(given_up, hook, admin):
    OrmQ.objects.all().delete()
    row = retry_delivery(given_up.pk, by=admin)
    assert (row.gave_up_at, row.error, row.attempts) == (None, "", ATTEMPTS - 1)
    assert OrmQ.objects.count() == 1
    assert tasks.deliver_webhooks(str(row.pk)) == "1 delivered, 0 failed"
    assert hook.requests[0][1]["X-BioLabs-Delivery"] == str(given_up.pk)
    with pytest.raises(TransitionDenied, match="was delivered"):
        retry_delivery(row.pk, by=admin)


def test_sent_again_it_has_one_attempt_however_old_it_is(given_up, hook, admin, clock):
    clock.shift(timedelta(days=20))
    hook.answers = [500]
    retry_delivery(given_up.pk, by=admin)
    assert tasks.sweep_webhooks() == "0 delivered, 1 failed"
    assert WebhookDelivery.objects.get().gave_up_at == timezone.now()
    assert len(hook.requests) == 1


def test_what_waits_long_is_tried_now_and_what_a_worker_holds_is_left_to_it(clock, endpoint, admin):
    (row,) = told()
    with pytest.raises(TransitionDenied, match="about to be tried"):
        retry_delivery(row.pk, by=admin)
    held = claim_delivery(row.pk, now=timezone.now())
    with pytest.raises(TransitionDenied, match="about to be tried"):
        retry_delivery(row.pk, by=admin)
    WebhookDelivery.objects.filter(pk=row.pk).update(attempts=len(BACK_OFF))
    held.attempts = len(BACK_OFF)
    note_not_delivered(held, now=timezone.now(), status=500, error="500")
    assert retry_delivery(row.pk, by=admin).next_attempt_at == timezone.now()


def test_the_second_of_two_who_send_again_is_refused(given_up, admin):
    retry_delivery(given_up.pk, by=admin)
    with pytest.raises(TransitionDenied, match="about to be tried"):
        retry_delivery(given_up.pk, by=admin)


def test_a_paused_webhook_is_sent_nothing_again(given_up, admin):
    change_webhook(given_up.endpoint_id, by=admin, is_active=False)
    with pytest.raises(TransitionDenied, match="Resume it first"):
        retry_delivery(given_up.pk, by=admin)


def test_a_paused_webhook_is_removed_with_its_deliveries_and_the_trail_keeps_it(given_up, endpoint, admin):
    with pytest.raises(TransitionDenied, match="Pause it first"):
        remove_webhook(endpoint.pk, by=admin)
    change_webhook(endpoint.pk, by=admin, is_active=False)
    remove_webhook(endpoint.pk, by=admin)
    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()
    event = AccountEvent.objects.get(action=AccountAction.WEBHOOK_REMOVED)
    facts = {"webhook_id": str(endpoint.pk), "name": "ELN", "url": endpoint.url, "kinds": [], "team_id": None}
    assert (event.actor, event.payload) == (admin, facts)
    with pytest.raises(WebhookEndpoint.DoesNotExist):
        remove_webhook(endpoint.pk, by=admin)


def test_a_worker_whose_webhook_was_removed_meanwhile_goes_on(clock, endpoint, admin):
    (row,) = told()
    WebhookDelivery.objects.filter(pk=row.pk).update(attempts=ATTEMPTS - 1)
    held = claim_delivery(row.pk, now=timezone.now())
    change_webhook(endpoint.pk, by=admin, is_active=False)
    remove_webhook(endpoint.pk, by=admin)
    note_not_delivered(held, now=timezone.now(), status=500, error="500")
    assert not admin.notifications.exists()


def test_nobody_but_administrators_sends_again_or_removes(given_up, endpoint, admin, lea):
    change_webhook(endpoint.pk, by=admin, is_active=False)
    for call in (lambda: retry_delivery(given_up.pk, by=lea), lambda: remove_webhook(endpoint.pk, by=lea)):
        with pytest.raises(NotAllowed):
            call()
    assert WebhookDelivery.objects.get().gave_up_at


def test_nothing_is_removed_when_the_audit_line_cannot_be_written(given_up, endpoint, admin, monkeypatch):
    change_webhook(endpoint.pk, by=admin, is_active=False)
    monkeypatch.setattr("accounts.transitions_webhooks.record_account_event", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        remove_webhook(endpoint.pk, by=admin)
    assert WebhookDelivery.objects.count() == 1


def test_who_may_not_look_at_webhooks_is_told_without_a_link(clock, endpoint, admin, lea):
    RoleGrant.objects.create(user=lea, role="operator")
    (row,) = told()
    WebhookDelivery.objects.filter(pk=row.pk).update(attempts=ATTEMPTS)
    claim_delivery(row.pk, now=timezone.now())
    assert admin.notifications.get().url == f"/webhooks/{endpoint.pk}/"
    assert lea.notifications.get().url == ""


def test_the_api_sends_again_and_removes(given_up, endpoint, admin, lea, as_):
    path = f"/api/webhooks/{endpoint.pk}"
    retry = f"{path}/deliveries/{given_up.pk}/retry"
    assert [as_(lea).post(retry).status_code, as_(lea).delete(path).status_code] == [403, 403]
    client = as_(admin)
    assert client.post(f"{path}/deliveries/{endpoint.pk}/retry").status_code == 404
    assert client.post(retry).json()["state"] == "waiting"
    assert (client.post(retry).status_code, client.delete(path).status_code) == (409, 409)
    client.patch(path, {"is_active": False})
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
