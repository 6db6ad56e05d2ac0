import base64
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction

from approvals import signing
from approvals.models import ApprovalAction, Signature
from approvals.tests.lab import approve
from ledger import triggers
from ledger.errors import TransitionDenied


@pytest.fixture
def signature(lab):
    return approve(lab, lab.ladder("scientist"), 1, lab.lea, notes="Größe 3 µm 🧪")


@pytest.fixture
def loosened(signature):
    """The triggers step aside, as for somebody who owns the database."""
    with triggers.suspended(connection):
        yield


def openssl(folder, text, seal):
    (folder / "key.pem").write_text(signing.public_key_pem())
    (folder / "statement.json").write_bytes(text.encode())
    (folder / "seal").write_bytes(base64.b64decode(seal))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]
    command += ["-in", "statement.json", "-sigfile", "seal"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_openssl_verifies_the_seal_without_us(signature, tmp_path):
    answer = openssl(tmp_path, signature.statement, signature.seal)
    assert (answer.returncode, answer.stdout.strip()) == (0, "Signature Verified Successfully")


def test_openssl_refuses_one_changed_character(signature, tmp_path):
    changed = signature.statement.replace('"decision":"approved"', '"decision":"approvee"')
    assert changed != signature.statement
    assert openssl(tmp_path, changed, signature.seal).returncode != 0


def test_the_statement_holds_no_floats(signature):
    import json

    def refuse(number):
        raise AssertionError(f"{number} is a float")

    json.loads(signature.statement, parse_float=refuse)


@pytest.mark.parametrize("model", [ApprovalAction, Signature])
@pytest.mark.parametrize("sql", ["UPDATE {} SET created_at = created_at", "DELETE FROM {}"])
def test_the_database_refuses_to_rewrite_records(signature, model, sql):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(model._meta.db_table))
    assert model.objects.count() == 1


def test_the_model_refuses_too(signature):
    for refuse in (signature.save, signature.delete, signature.action.save, Signature.objects.all().delete):
        with pytest.raises(TransitionDenied):
            refuse()


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("signature", "statement", "{}", "the statement was changed after it was signed"),
        ("signature", "seal", "AAAA", "the seal does not fit the statement"),
        ("signature", "seal", "not base64!", "the seal does not fit the statement"),
        ("signature", "signer_name", "Eve", "columns differ from the sealed text: printed name"),
        ("signature", "meaning", "author", "columns differ from the sealed text: meaning"),
        ("approvalaction", "notes", "Never said", "columns differ from the sealed text: notes"),
        ("approvalaction", "action_type", "rejected", "columns differ from the sealed text: decision"),
        ("approvalladder", "content_digest", "0" * 64, "columns differ from the sealed text: content digest"),
        ("approvalstage", "required_role", "qa", "columns differ from the sealed text: stage role"),
    ],
)
def test_verify_names_what_was_changed(signature, loosened, table, column, value, reason):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE approvals_{table} SET {column} = %s", [value])
    assert signing.verify(Signature.objects.get()) == reason


# --- The key --------------------------------------------------------------------------------------------------------


@pytest.fixture
def key_file(settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "keys" / "signing_key.pem"
    return settings.SIGNING_KEY_FILE


def test_the_key_is_made_once_for_its_owner_only(key_file):
    seal, fingerprint = signing.seal("text")
    signing._load.cache_clear()
    assert signing.seal("text") == (seal, fingerprint)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [each.name for each in key_file.parent.iterdir()] == ["signing_key.pem"]


def test_eight_processes_make_one_key(key_file):
    program = (
        "import sys; from django.conf import settings; settings.configure(SIGNING_KEY_FILE=sys.argv[1], USE_TZ=True);"
        "import django; django.setup();"
        "import types; sys.modules['approvals.enums'] = types.SimpleNamespace(Meaning=None);"
        "from approvals import signing; print(signing.fingerprint())"
    )
    command = [sys.executable, "-c", program, str(key_file)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    said = {process.communicate(timeout=60)[0].strip() for process in running}
    assert said == {signing.fingerprint()}


@pytest.mark.parametrize("content", [b"", b"not a key"])
def test_a_broken_key_file_is_named_and_kept(key_file, content):
    key_file.parent.mkdir()
    key_file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="cannot be read as a private key"):
        signing.seal("text")
    assert key_file.read_bytes() == content


def test_another_kind_of_key_is_refused(key_file):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key_file.parent.mkdir()
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ImproperlyConfigured, match="must be Ed25519"):
        signing.seal("text")


def test_a_signature_by_another_key_is_told_apart(signature, key_file):
    assert signing.verify(signature) == f"it is sealed with another key ({signature.key_fingerprint})"
