"""Stored secrets move to the present SECRET_KEY, one row at a time; what cannot be read is named and left."""

import json
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command

from accounts import transitions_secrets
from accounts.models import AccountEvent, WebhookEndpoint
from accounts.second_factor import recovery_codes_left, take_code
from accounts.secrets_at_rest import decrypt, encrypt
from accounts.tests.phone import Phone

NEW_KEY = "the key that this deployment has now"


@pytest.fixture
def stored(lea, admin, settings):
    """A second factor, recovery codes and a webhook, all under the key of before."""
    phone = Phone.of(lea)
    webhook = WebhookEndpoint.objects.create(
        name="ELN", url="https://hooks.example/", secret=encrypt("whsec_1"), created_by=admin
    )
    old, settings.SECRET_KEY = settings.SECRET_KEY, NEW_KEY
    settings.SECRET_KEY_FALLBACKS = [old]
    return phone, webhook


def run(**options):
    out = StringIO()
    call_command("reencrypt_secrets", stdout=out, **options)
    return json.loads(out.getvalue())


def counts(summary):
    return [tuple(summary[what].values()) for what in ("second_factors", "webhooks")]


def rows():
    return list(Authenticator.objects.order_by("pk").values("data")), list(WebhookEndpoint.objects.values("secret"))


def test_afterwards_the_old_key_is_not_needed(stored, lea, settings):
    phone, webhook = stored
    summary = run()
    assert counts(summary) == [(2, 0), (1, 0)]
    assert summary["unreadable"] == []
    settings.SECRET_KEY_FALLBACKS = []
    webhook.refresh_from_db()
    assert decrypt(webhook.secret) == "whsec_1"
    assert recovery_codes_left(lea) == 10
    assert take_code(lea, phone.recovery[3], now=lea.date_joined) == "recovery_code"


def test_what_was_used_up_stays_so(stored, lea):
    phone, _ = stored
    assert take_code(lea, phone.recovery[0], now=lea.date_joined) == "recovery_code"
    before = Authenticator.objects.get(type="totp").data["last_step"]
    run()
    assert take_code(lea, phone.recovery[0], now=lea.date_joined) is None
    assert Authenticator.objects.get(type="totp").data["last_step"] == before


def test_a_second_run_writes_nothing(stored):
    run()
    before, events = rows(), AccountEvent.objects.count()
    assert counts(run()) == [(0, 2), (0, 1)]
    assert rows() == before
    assert AccountEvent.objects.count() == events


def test_a_dry_run_counts_and_writes_nothing(stored):
    before = rows()
    summary = run(dry_run=True)
    assert (summary["dry_run"], counts(summary)) == (True, [(2, 0), (1, 0)])
    assert rows() == before


def test_killed_in_the_middle_it_goes_on_the_next_time(stored, monkeypatch):
    def killed(row):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(transitions_secrets, "_renew_webhook", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert counts(run()) == [(0, 2), (1, 0)]


def test_what_cannot_be_read_is_named_and_left_and_the_rest_goes_on(stored):
    codes = Authenticator.objects.get(type="recovery_codes")
    codes.data = {"seed": "lost", "used_mask": 0}
    codes.save()
    Authenticator.objects.filter(type="totp").update(data={})
    out = StringIO()
    with pytest.raises(CommandError, match="2 secrets can be read under no key"):
        call_command("reencrypt_secrets", stdout=out)
    summary = json.loads(out.getvalue())
    assert counts(summary) == [(0, 0), (1, 0)]
    assert [(each["what"], each["of"]) for each in summary["unreadable"]] == [
        ("totp", "lea@lab.org"),
        ("recovery_codes", "lea@lab.org"),
    ]
    codes.refresh_from_db()
    assert codes.data["seed"] == "lost"
    assert "lost" not in json.dumps(summary)


def test_many_rows_are_taken_a_few_at_a_time(stored, admin, monkeypatch):
    monkeypatch.setattr(transitions_secrets, "ROWS_AT_ONCE", 2)
    for number in range(4):
        secret = encrypt(f"whsec_{number}")
        WebhookEndpoint.objects.create(name=f"N{number}", url="https://x.example/", secret=secret, created_by=admin)
    assert counts(run()) == [(2, 0), (1, 4)]
