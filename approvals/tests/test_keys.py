"""The signing key: made once, changed by an administrator, its signatures verifiable ever after."""

import multiprocessing
import os
import stat
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from accounts.models import AccountEvent
from approvals import keys, signing
from approvals.models import Signature
from approvals.tests.lab import approve
from approvals.transitions_key import rotate_signing_key
from approvals.verification import verify_ladder
from ledger.errors import Busy, Invalid, NotAllowed
from tests.at_once import at_once


@pytest.fixture(autouse=True)
def key_file(settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "keys" / "signing_key.pem"
    settings.SIGNING_KEYS_RETIRED = tmp_path / "retired"
    return settings.SIGNING_KEY_FILE


@pytest.fixture
def signature(lab, key_file):
    return approve(lab, lab.ladder("scientist", "qa_lead"), 1, lab.lea)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


# --- Making it ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_key_is_made_once_for_its_owner_only(key_file):
    made = keys.current().fingerprint
    keys._load.cache_clear()
    assert keys.current().fingerprint == made
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert names(key_file.parent) == ["signing_key.pem"]


@pytest.mark.django_db(transaction=True)
def test_eight_processes_make_one_key(key_file, tmp_path):
    def tell():
        (tmp_path / f"{os.getpid()}.told").write_text(keys.current().fingerprint)

    at_once(*[tell] * 8)
    told = [file.read_text() for file in tmp_path.glob("*.told")]
    assert told == [keys.current().fingerprint] * 8


@pytest.mark.parametrize("content", [b"", b"not a key"])
def test_a_broken_key_file_is_named_and_kept(key_file, content):
    key_file.parent.mkdir()
    key_file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="cannot be read as a private key"):
        keys.current()
    assert key_file.read_bytes() == content


def test_another_kind_of_key_is_refused(key_file):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_file.parent.mkdir()
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ImproperlyConfigured, match="must be Ed25519"):
        keys.current()


def test_a_lost_key_is_not_replaced_in_silence(signature, key_file):
    key_file.unlink()
    with pytest.raises(ImproperlyConfigured, match="is missing although people have signed"):
        keys.current()
    assert "is sealed with a key that is not known here" in signing.verify(signature)
    assert not key_file.exists()


def test_who_signs_meanwhile_is_told_and_nothing_is_written(lab, signature, key_file):
    key_file.write_text("not a key")
    with pytest.raises(Busy, match="Nobody can sign at present"):
        approve(lab, signature.ladder, 2, lab.mira)
    assert Signature.objects.count() == 1


# --- Changing it ----------------------------------------------------------------------------------------------------


def test_after_a_change_both_keys_signatures_hold_in_one_ladder(lab, signature):
    before = keys.current().fingerprint
    after = rotate_signing_key(by=lab.admin, reason="Yearly change")
    second = approve(lab, signature.ladder, 2, lab.mira)
    assert (signature.key_fingerprint, second.key_fingerprint) == (before, after.fingerprint)
    assert [signing.verify(each) for each in Signature.objects.order_by("sequence")] == [None, None]
    assert verify_ladder(lab.stage(signature.ladder, 1).ladder) == []
    call_command("verify_signatures")


def test_the_change_is_recorded_with_who_and_why_and_leaves_nothing_else_behind(lab, signature, key_file, settings):
    before = keys.current()
    after = rotate_signing_key(by=lab.admin, reason=" Yearly change ")
    event = AccountEvent.objects.get(action="signing_key.rotated")
    assert event.actor == lab.admin
    assert event.payload == {"before": before.fingerprint, "after": after.fingerprint, "reason": "Yearly change"}
    assert names(key_file.parent) == [".signing_key.pem.lock", "signing_key.pem"]
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert names(settings.SIGNING_KEYS_RETIRED) == [f"{before.fingerprint.removeprefix('sha256:')}.pem"]
    assert "PRIVATE" not in keys.retired_file(before.fingerprint).read_text()


@pytest.mark.parametrize(
    ("who", "reason", "refused"),
    [("lea", "Yearly change", NotAllowed), ("admin", " ", Invalid), ("admin", None, Invalid)],
)
def test_only_an_administrator_with_a_reason_changes_it(lab, signature, who, reason, refused):
    before = keys.current().fingerprint
    with pytest.raises(refused):
        rotate_signing_key(by=getattr(lab, who), reason=reason)
    assert keys.current().fingerprint == before
    assert not AccountEvent.objects.filter(action="signing_key.rotated").exists()


@pytest.mark.parametrize("step", ["retire", "prepare", "install"])
def test_cut_short_anywhere_the_old_key_signs_on_and_a_second_try_ends_it(lab, signature, monkeypatch, step):
    before = keys.current().fingerprint
    real = getattr(keys, step)

    def die(*args):
        if step != "install":
            real(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(keys, step, die)
        with pytest.raises(KeyboardInterrupt):
            rotate_signing_key(by=lab.admin, reason="Yearly change")
    assert keys.current().fingerprint == before
    announced = [event.payload["after"] for event in AccountEvent.objects.filter(action="signing_key.rotated")]
    after = rotate_signing_key(by=lab.admin, reason="Again").fingerprint
    assert announced in ([], [after])
    assert signing.verify(signature) is None


@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_it_at_once_the_second_is_told(lab, signature, monkeypatch):
    admin, held, looked = lab.admin, keys.held, multiprocessing.get_context("fork").Barrier(2)

    @contextmanager
    def held_once_both_have_looked():
        looked.wait(30)
        with held():
            yield

    monkeypatch.setattr(keys, "held", held_once_both_have_looked)
    answers = at_once(*[lambda: rotate_signing_key(by=admin, reason="Yearly change")] * 2)
    assert sorted(status for status, _ in answers) == [200, 409]
    assert AccountEvent.objects.filter(action="signing_key.rotated").count() == 1
    assert signing.verify(signature) is None


def test_a_lost_key_is_replaced_only_by_who_says_so(lab, signature, key_file):
    key_file.unlink()
    rotate_signing_key(by=lab.admin, reason="The disk is gone")
    assert signing.verify(signature) == f"it is sealed with a key that is not known here ({signature.key_fingerprint})"
    assert AccountEvent.objects.get(action="signing_key.rotated").payload["before"] is None


def test_the_command_says_what_it_did_and_why_not(lab, signature, capsys):
    call_command("rotate_signing_key", by=lab.admin.email, reason="Yearly change")
    assert keys.current().fingerprint in capsys.readouterr().out
    for email, words in ((lab.lea.email, "Only an administrator"), ("nobody@example.org", "Nobody here has")):
        with pytest.raises(CommandError, match=words):
            call_command("rotate_signing_key", by=email, reason="Yearly change")


# --- Files of retired keys that do not help -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file, other: file.unlink(), "it is sealed with a key that is not known here"),
        (lambda file, other: file.write_text(other), "holds another key"),
        (lambda file, other: file.write_text("x"), "cannot be read as a public key"),
    ],
    ids=["missing", "another", "broken"],
)
def test_a_retired_key_counts_only_when_its_file_is_that_key(lab, signature, damage, reason):
    after = rotate_signing_key(by=lab.admin, reason="Yearly change")
    damage(keys.retired_file(signature.key_fingerprint), after.public_pem)
    assert reason in signing.verify(signature)
    assert reason in verify_ladder(signature.ladder)[0]
    with pytest.raises(CommandError, match=reason):
        call_command("verify_signatures")


@pytest.mark.django_db
@pytest.mark.parametrize("named", ["", "sha256:", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "a" * 64])
def test_what_is_no_fingerprint_opens_no_file(named):
    with pytest.raises(keys.UnknownKey, match="it names no key"):
        keys.public_key(named)
