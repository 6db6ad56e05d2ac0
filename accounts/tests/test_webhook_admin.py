"""Administrators register webhooks, through the verbs, the API and the admin; nobody else does."""

import json

import pytest
from django.db import connection

from accounts import tasks, webhook_addresses
from accounts.enums import AccountAction
from accounts.models import AccountEvent, WebhookDelivery, WebhookEndpoint
from accounts.secrets_at_rest import decrypt
from accounts.tests.hooks import LOOPBACK, Hook, resolving
from accounts.transitions_webhooks import change_webhook, create_webhook, renew_webhook_secret, send_test
from ledger.errors import Invalid, NotAllowed, TransitionDenied

API, ADMIN, URL = "/api/webhooks", "/admin/accounts/webhookendpoint/", "https://hooks.example/in"


@pytest.fixture(autouse=True)
def names(monkeypatch):
    resolving(
        monkeypatch, {"hooks.example": ["93.184.215.14"], "inside.example": ["10.0.0.1"], "127.0.0.1": ["127.0.0.1"]}
    )


@pytest.fixture
def webhook(admin):
    return create_webhook(by=admin, name="ELN", url=URL, kinds=["stage_overdue"])[0]


def events():
    rows = AccountEvent.objects.filter(action__startswith="webhook.").order_by("created_at")
    return [(row.action, row.actor_name, row.payload) for row in rows]


# --- The verbs ------------------------------------------------------------------------------------------------------


def test_registering_is_recorded_without_the_secret(admin, team):
    row, secret = create_webhook(by=admin, name="ELN", url=URL, kinds=["stage_overdue", "stage_to_sign"], team=team)
    assert decrypt(row.secret) == secret
    facts = {"name": "ELN", "url": URL, "kinds": ["stage_to_sign", "stage_overdue"], "team_id": str(team.pk)}
    assert events() == [(AccountAction.WEBHOOK_CREATED, "Ada Ng", {"webhook_id": str(row.pk), **facts})]
    assert secret not in AccountEvent.objects.get().body


def test_each_change_is_recorded_with_before_and_after_and_none_when_nothing_changes(admin, webhook):
    change_webhook(webhook.pk, by=admin, name="LIMS", is_active=False)
    change_webhook(webhook.pk, by=admin, name="LIMS", kinds=["stage_overdue"])
    renew_webhook_secret(webhook.pk, by=admin)
    assert [payload["changes"] for _, _, payload in events()[1:]] == [
        {"name": {"from": "ELN", "to": "LIMS"}, "is_active": {"from": True, "to": False}},
        {"secret": "renewed"},
    ]


@pytest.mark.parametrize("verb", ["create", "change", "renew", "test"])
def test_only_administrators_touch_webhooks(webhook, lea, verb):
    calls = {
        "create": lambda: create_webhook(by=lea, name="ELN", url=URL),
        "change": lambda: change_webhook(webhook.pk, by=lea, is_active=False),
        "renew": lambda: renew_webhook_secret(webhook.pk, by=lea),
        "test": lambda: send_test(webhook.pk, by=lea),
    }
    with pytest.raises(NotAllowed):
        calls[verb]()
    assert len(events()) == 1
    assert not WebhookDelivery.objects.exists()


def test_an_administrator_who_was_demoted_meanwhile_is_refused(admin, webhook):
    type(admin).objects.filter(pk=admin.pk).update(is_admin=False)
    with pytest.raises(NotAllowed):
        change_webhook(webhook.pk, by=admin, is_active=False)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "https://inside.example/"}, "url"),
        ({"url": "http://hooks.example/"}, "url"),
        ({"url": "https://unknown.example/"}, "url"),
        ({"url": "https://hooks.example/" + "x" * 500}, "url"),
        ({"name": "a\nb"}, "name"),
        ({"name": ""}, "name"),
        ({"kinds": ["x"]}, "kinds"),
    ],
    ids=["internal", "http", "unknown", "long", "two lines", "no name", "kind"],
)
def test_what_does_not_fit_is_refused_by_both_verbs(admin, webhook, given, field):
    for call in (
        lambda: create_webhook(by=admin, **{"name": "N", "url": URL} | given),
        lambda: change_webhook(webhook.pk, by=admin, **given),
    ):
        with pytest.raises(Invalid) as refusal:
            call()
        assert refusal.value.errors[0]["field"] == field
    assert WebhookEndpoint.objects.count() == len(events()) == 1


def test_a_webhook_whose_name_is_gone_can_still_be_switched_off(boss, admin, webhook, monkeypatch):
    resolving(monkeypatch, {})
    assert not change_webhook(webhook.pk, by=admin, url=URL, is_active=False).is_active
    form = {"name": "ELN", "url": URL, "kinds": ["stage_overdue"], "is_active": "on"}
    assert boss.post(f"{ADMIN}{webhook.pk}/change/", form).status_code == 302
    webhook.refresh_from_db()
    assert webhook.is_active


def test_a_webhook_that_is_off_takes_no_test(admin, webhook):
    change_webhook(webhook.pk, by=admin, is_active=False)
    with pytest.raises(TransitionDenied, match="Resume it first"):
        send_test(webhook.pk, by=admin)


def test_nothing_is_written_when_the_audit_line_cannot_be(admin, webhook, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("accounts.transitions_webhooks.record_account_event", fail)
    for call in (
        lambda: create_webhook(by=admin, name="N", url=URL),
        lambda: change_webhook(webhook.pk, by=admin, name="Other"),
        lambda: renew_webhook_secret(webhook.pk, by=admin),
    ):
        with pytest.raises(RuntimeError):
            call()
    row = WebhookEndpoint.objects.get()
    assert (row.name, row.secret) == ("ELN", webhook.secret)


# --- The API --------------------------------------------------------------------------------------------------------


def test_the_secret_is_in_the_answer_that_makes_it_and_in_no_other(as_, admin, team):
    client = as_(admin)
    made = client.post(API, {"name": "ELN", "url": URL, "team_id": str(team.pk)})
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    secret, path = made.json()["secret"], f"{API}/{made.json()['id']}"
    renewed = client.post(f"{path}/secret")
    assert renewed.status_code == 201
    assert renewed.json()["secret"] != secret
    for answer in (client.get(API), client.get(path), client.patch(path, {"name": "LIMS"})):
        assert answer.status_code == 200
        assert "secret" not in answer.content.decode()
    assert client.get(path).json()["name"] == "LIMS"
    assert client.patch(path, {"team_id": None, "is_active": False}).json()["is_active"] is False


def test_a_test_message_goes_out_and_the_deliveries_tell(as_, admin, settings):
    settings.WEBHOOK_ALLOWED_INTERNAL = LOOPBACK
    hook = Hook()
    client = as_(admin)
    pk = client.post(API, {"name": "ELN", "url": f"http://127.0.0.1:{hook.port}/"}).json()["id"]
    made = client.post(f"{API}/{pk}/test")
    assert (made.status_code, made.json()["state"]) == (201, "waiting")
    assert tasks.deliver_webhooks(made.json()["id"]) == "1 delivered, 0 failed"
    hook.close()
    (listed,) = client.get(f"{API}/{pk}/deliveries").json()["items"]
    assert (listed["state"], listed["response_status"], listed["kind"]) == ("delivered", 200, "test")
    assert json.loads(hook.requests[0][2])["event"] == "test"


def test_strangers_members_and_readers_are_refused(as_, client, webhook, lea, admin):
    paths = [API, f"{API}/{webhook.pk}", f"{API}/{webhook.pk}/deliveries"]
    assert [client.get(path).status_code for path in paths] == [401] * 3
    assert [as_(lea).get(path).status_code for path in paths] == [403] * 3
    assert as_(lea).post(f"{API}/{webhook.pk}/test").status_code == 403
    assert as_(admin, scope="read").post(API, {"name": "N", "url": URL}).status_code == 403


@pytest.mark.parametrize("pk", ["nope", "00000000-0000-0000-0000-000000000000"])
def test_unknown_webhooks_are_not_there(as_, admin, pk):
    client = as_(admin)
    assert [client.get(f"{API}/{pk}{end}").status_code for end in ("", "/deliveries")] == [404] * 2
    assert client.patch(f"{API}/{pk}", {"name": "N"}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "N"}, {"name": "N", "url": "https://inside.example"}, {"name": "N", "url": URL, "secret": "mine"}],
    ids=["empty", "no url", "internal", "own secret"],
)
def test_bodies_that_do_not_fit_are_400(as_, admin, body):
    assert as_(admin).post(API, body).status_code == 400
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("count", [1, 30])
def test_lists_take_as_many_queries_with_one_row_as_with_thirty(as_, admin, webhook, count, django_assert_num_queries):
    for number in range(count - 1):
        create_webhook(by=admin, name=f"N{number}", url=URL)
    for _ in range(count):
        send_test(webhook.pk, by=admin)
    client = as_(admin)
    client.get(API)
    with django_assert_num_queries(2):
        assert len(client.get(API).json()["items"]) == count
    with django_assert_num_queries(3):
        assert len(client.get(f"{API}/{webhook.pk}/deliveries").json()["items"]) == count


# --- The admin ------------------------------------------------------------------------------------------------------


@pytest.fixture
def boss(client, admin):
    client.force_login(admin)
    return client


def test_the_admin_registers_shows_the_secret_once_and_changes(boss, team):
    form = {"name": "ELN", "url": URL, "kinds": ["stage_overdue"], "team": str(team.pk), "is_active": "on"}
    made = boss.post(f"{ADMIN}add/", form)
    row = WebhookEndpoint.objects.get()
    secret = decrypt(row.secret)
    assert made.status_code == 200
    assert secret in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    page = f"{ADMIN}{row.pk}/change/"
    for path in (page, ADMIN, "/admin/"):
        assert secret not in boss.get(path).content.decode()
        assert row.secret not in boss.get(path).content.decode()
    assert boss.post(page, form | {"name": "LIMS", "is_active": ""}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.is_active, row.kinds, row.team) == ("LIMS", False, ["stage_overdue"], team)
    assert [action for action, _, _ in events()] == [AccountAction.WEBHOOK_CREATED, AccountAction.WEBHOOK_CHANGED]


def test_the_admin_shows_a_refused_address_at_its_field(boss):
    answer = boss.post(f"{ADMIN}add/", {"name": "ELN", "url": "https://inside.example/", "is_active": "on"})
    assert answer.status_code == 200
    assert "internal address 10.0.0.1" in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_a_form_sent_twice_registers_once(boss, team):
    form = {"name": "ELN", "url": URL, "is_active": "on"}
    boss.post(f"{ADMIN}add/", form)
    assert "Make a new secret if you did not see it" in boss.post(f"{ADMIN}add/", form).content.decode()
    assert WebhookEndpoint.objects.count() == 1
    boss.post(f"{ADMIN}add/", form | {"team": str(team.pk)})
    assert WebhookEndpoint.objects.count() == 2


def test_the_admin_looks_names_up_in_no_transaction_of_its_own(boss, monkeypatch):
    depth, seen = len(connection.atomic_blocks), []
    look_up = webhook_addresses.socket.getaddrinfo

    def watched(*given, **options):
        seen.append(len(connection.atomic_blocks))
        return look_up(*given, **options)

    monkeypatch.setattr("accounts.webhook_addresses.socket.getaddrinfo", watched)
    boss.post(f"{ADMIN}add/", {"name": "ELN", "url": URL, "is_active": "on"})
    row = WebhookEndpoint.objects.get()
    boss.post(f"{ADMIN}{row.pk}/change/", {"name": "ELN", "url": URL + "/2", "is_active": "on"})
    assert WebhookEndpoint.objects.get().url == URL + "/2"
    assert set(seen) == {depth}


def test_a_refusal_keeps_what_was_typed(boss):
    form = {"name": "EL\u202eN", "url": URL, "kinds": ["stage_overdue"], "is_active": "on"}
    answer = boss.post(f"{ADMIN}add/", form).content.decode()
    assert "Only one line without control characters" in answer
    assert f'value="{URL}"' in answer
    assert not WebhookEndpoint.objects.exists()


def test_the_admins_actions(boss, webhook, admin):
    def act(action, *pks):
        return boss.post(ADMIN, {"action": action, "_selected_action": pks}, follow=True).content.decode()

    assert "is on its way" in act("test", webhook.pk)
    assert WebhookDelivery.objects.get().kind == "test"
    shown = act("renew_secret", webhook.pk)
    webhook.refresh_from_db()
    assert decrypt(webhook.secret) in shown
    deliveries = boss.get("/admin/accounts/webhookdelivery/")
    assert "waiting" in deliveries.content.decode()


def test_nothing_is_deleted_or_edited_by_hand(boss, webhook, admin):
    delivery = send_test(webhook.pk, by=admin)
    assert boss.post(f"{ADMIN}{webhook.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"/admin/accounts/webhookdelivery/{delivery.pk}/change/", {"kind": "x"}).status_code == 403
    assert boss.get("/admin/accounts/webhookdelivery/add/").status_code == 403


def test_who_is_no_administrator_does_not_get_in(client, lea, webhook):
    client.force_login(lea)
    assert client.get(ADMIN, follow=True).status_code == 403
