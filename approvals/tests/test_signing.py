import base64
import subprocess

import pytest
from django.db import IntegrityError, connection, transaction

from approvals import keys, signing
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
    (folder / "key.pem").write_text(keys.current().public_pem)
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
