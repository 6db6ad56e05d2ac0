"""Where a delivery connects to, and what it does not follow or wait for."""

import socket
import ssl
import threading

import pytest
from django.db import connection

from accounts import tasks, webhook_post, webhooks
from accounts.models import WebhookDelivery
from accounts.tests.hooks import Hook, certificate_for, resolving, told
from accounts.transitions_webhooks import (
    create_webhook,
)


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


def test_a_redirect_is_not_followed(endpoint, hook):
    hook.answers, hook.extra = [302], {"Location": f"http://127.0.0.1:{hook.port}/elsewhere"}
    (delivery,) = told()
    tasks.deliver_webhooks(str(delivery.pk))
    assert [path for path, _, _ in hook.requests] == ["/in?x=1"]
    delivery.refresh_from_db()
    assert (delivery.response_status, delivery.delivered_at) == (302, None)
    assert "Redirects are not followed" in delivery.error


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
