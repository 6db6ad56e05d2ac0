"""The pages of webhooks: everything an administrator does there, and nobody else."""

import pytest
from django.utils import timezone

from accounts import tasks
from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.secrets_at_rest import decrypt
from accounts.tests.hooks import LOOPBACK, Hook, resolving, told
from accounts.transitions_webhooks import change_webhook, create_webhook, send_test

LIST, URL = "/webhooks/", "https://hooks.example/in"


@pytest.fixture
def boss(client, admin, monkeypatch):
    resolving(
        monkeypatch, {"hooks.example": ["93.184.215.14"], "inside.example": ["10.0.0.1"], "127.0.0.1": ["127.0.0.1"]}
    )
    client.force_login(admin)
    return client


@pytest.fixture
def webhook(boss, admin):
    return create_webhook(by=admin, name="ELN", url=URL, kinds=["stage_overdue"])[0]


def page_of(webhook, end=""):
    return f"{LIST}{webhook.pk}/{end}"


def test_a_webhook_is_registered_and_its_secret_is_shown_by_that_answer_alone(boss, team):
    made = boss.post(LIST + "new/", {"name": "ELN", "url": URL, "kinds": ["stage_overdue"], "team": str(team.pk)})
    row = WebhookEndpoint.objects.get()
    secret = decrypt(row.secret)
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    assert secret in made.content.decode()
    assert (row.kinds, row.team) == (["stage_overdue"], team)
    for address in (LIST, page_of(row), page_of(row, "change/"), LIST + "new/"):
        page = boss.get(address)
        assert page.status_code == 200
        assert secret not in page.content.decode()
        assert row.secret not in page.content.decode()
    assert "A stage is overdue" in boss.get(LIST).content.decode()
    again = boss.post(LIST + "new/", {"name": "ELN", "url": URL, "team": str(team.pk)})
    assert again.status_code == 409
    assert "Make a new secret if you did not see it" in again.content.decode()


@pytest.mark.parametrize("end", ["new/", "change/"])
def test_an_internal_address_is_refused_at_its_field_and_what_was_typed_stays(boss, webhook, end):
    address = LIST + end if end == "new/" else page_of(webhook, end)
    answer = boss.post(address, {"name": "LIMS", "url": "https://inside.example/"})
    assert answer.status_code == 400
    assert "internal address 10.0.0.1" in answer.content.decode()
    assert 'value="LIMS"' in answer.content.decode()
    assert WebhookEndpoint.objects.get().name == "ELN"


def test_it_is_changed_paused_resumed_and_removed(boss, webhook):
    assert boss.post(page_of(webhook, "change/"), {"name": "LIMS", "url": URL}).status_code == 302
    assert WebhookEndpoint.objects.get().name == "LIMS"
    page = boss.get(page_of(webhook)).content.decode()
    assert "Pause it first, then remove it." in page
    assert boss.post(page_of(webhook, "remove/")).status_code == 409
    boss.post(page_of(webhook, "pause/"), {"active": "0"})
    assert "Resume" in boss.get(page_of(webhook)).content.decode()
    boss.post(page_of(webhook, "pause/"), {"active": "1"})
    assert WebhookEndpoint.objects.get().is_active
    boss.post(page_of(webhook, "pause/"))
    assert not WebhookEndpoint.objects.get().is_active
    assert boss.post(page_of(webhook, "remove/"), follow=True).redirect_chain == [(LIST, 302)]
    assert boss.get(page_of(webhook)).status_code == 404


def test_a_new_secret_takes_the_place_of_the_old(boss, webhook):
    answer = boss.post(page_of(webhook, "secret/"))
    assert decrypt(WebhookEndpoint.objects.get().secret) in answer.content.decode()
    assert WebhookEndpoint.objects.get().secret != webhook.secret
    assert "no-store" in answer["Cache-Control"]


def test_deliveries_tell_what_came_of_them_and_are_sent_again(boss, admin, settings):
    settings.WEBHOOK_ALLOWED_INTERNAL = LOOPBACK
    hook = Hook()
    row = create_webhook(by=admin, name="LIMS", url=f"http://127.0.0.1:{hook.port}/")[0]
    hook.answers = [500]
    assert boss.post(page_of(row, "test/")).status_code == 302
    delivery = row.deliveries.get()
    tasks.deliver_webhooks(str(delivery.pk))
    page = boss.get(page_of(row)).content.decode()
    assert "It answered 500." in page
    assert "A test message" in page
    assert "Does not get through" in boss.get(LIST).content.decode()
    row.deliveries.update(next_attempt_at=None, gave_up_at=timezone.now())
    retry = page_of(row, f"deliveries/{delivery.pk}/retry/")
    assert retry in boss.get(page_of(row) + "?state=gave_up").content.decode()
    assert retry not in boss.get(page_of(row) + "?state=delivered").content.decode()
    boss.post(retry)
    assert tasks.deliver_webhooks(str(delivery.pk)) == "1 delivered, 0 failed"
    hook.close()
    assert "Delivered" in boss.get(page_of(row) + "?state=delivered").content.decode()
    assert boss.post(retry).status_code == 409


def test_a_delivery_is_looked_for_below_its_own_webhook(boss, webhook, admin):
    other = create_webhook(by=admin, name="Other", url=URL)[0]
    delivery = send_test(other.pk, by=admin)
    assert boss.post(page_of(webhook, f"deliveries/{delivery.pk}/retry/")).status_code == 404


def test_nobody_but_administrators_finds_the_pages(boss, webhook, client, lea):
    assert f'href="{LIST}"' in boss.get("/account/").content.decode()
    client.force_login(lea)
    assert f'href="{LIST}"' not in client.get("/account/").content.decode()
    for address in (LIST, LIST + "new/", page_of(webhook), page_of(webhook, "change/")):
        assert client.get(address).status_code == 403
    for end in ("change/", "secret/", "pause/", "test/", "remove/", f"deliveries/{webhook.pk}/retry/"):
        assert client.post(page_of(webhook, end)).status_code == 403
        assert client.get(page_of(webhook, end)).status_code in (403, 405)
    assert WebhookEndpoint.objects.get().secret == webhook.secret
    assert not WebhookDelivery.objects.exists()


def test_the_pages_ask_as_often_for_thirty_rows_as_for_one(boss, webhook, admin, django_assert_max_num_queries):
    def counts():
        found = []
        for address in (LIST, page_of(webhook)):
            boss.get(address)
            with django_assert_max_num_queries(40) as asked:
                boss.get(address)
            found.append(len(asked))
        return found

    send_test(webhook.pk, by=admin)
    few = counts()
    change_webhook(webhook.pk, by=admin, kinds=[])
    for number in range(29):
        create_webhook(by=admin, name=f"N{number}", url=URL)
        told()
    assert counts() == few
