"""A dossier whose signatures were made with two keys, and one that was sealed with the earlier."""

import subprocess
import sys

import pytest
from django.core.management import call_command

from approvals import keys
from approvals.transitions import approve_stage
from approvals.transitions_key import rotate_signing_key
from governance.blueprint import ad_hoc_ladder
from narratives import packaging
from narratives.models import NarrativeExport
from narratives.tests import packaging_lab as at
from narratives.tests.test_dossier import decide
from narratives.transitions import request_export

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]


@pytest.fixture(autouse=True)
def key_files(settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "signing_key.pem"
    settings.SIGNING_KEYS_RETIRED = tmp_path / "retired"


@pytest.fixture
def export(lab):
    """Stage 1 signed with the key before, stage 2 with the key after; the caller packages it."""
    stages = [{"required_role": "qa"}, {"required_role": "approver"}]
    export = request_export(lab.execution.pk, by=lab.jonas, blueprint=ad_hoc_ladder(stages))
    decide(export, 1, approve_stage, lab.mira, meaning="reviewed")
    rotate_signing_key(by=lab.ada, reason="Yearly change")
    decide(export, 2, approve_stage, lab.lea, meaning="approved")
    return NarrativeExport.objects.select_related("ladder").get(pk=export.pk)


@pytest.fixture
def folder(export, tmp_path):
    assert packaging.package(at.package_of(export).pk).startswith("ready")
    return at.unpacked(export, tmp_path / "unpacked")


def verify(folder, *trusted):
    given = [word for key in trusted for word in ("--key", key)]
    command = [sys.executable, "-I", folder / "verify_dossier.py", folder, *given]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def before(export):
    fingerprint = export.ladder.signatures.get(sequence=1).key_fingerprint
    return keys.retired_file(fingerprint)


def test_it_carries_the_earlier_key_under_its_seal_and_verifies_with_the_present_one(folder, before, tmp_path):
    present = tmp_path / "present.pem"
    present.write_text(keys.current().public_pem)
    carried = folder / "data" / "signing-keys" / before.name
    assert carried.read_text() == before.read_text()
    assert carried.name in (folder / "manifest-sha256.txt").read_text()
    for trusted in ([], [present], [before, present]):
        checked = verify(folder, *trusted)
        assert checked.stdout.endswith("PASS\n"), checked.stdout
    call_command("verify_signatures")


def test_the_earlier_key_alone_is_not_the_one_that_sealed_it(folder, before):
    checked = verify(folder, before)
    assert "does not fit key" in checked.stdout
    assert checked.returncode == 1


@pytest.mark.parametrize("swap", [True, False], ids=["another key under its name", "no key"])
def test_without_the_earlier_key_its_signature_does_not_pass(folder, before, swap):
    carried = folder / "data" / "signing-keys" / before.name
    carried.write_text(keys.current().public_pem) if swap else carried.unlink()
    checked = verify(folder)
    assert "sealed with a key that is not here" in checked.stdout
    assert checked.returncode == 1


def test_it_is_not_packaged_while_a_key_is_unknown(export, before):
    before.unlink()
    assert "sealed with a key that is not known here" in packaging.package(at.package_of(export).pk)


def test_an_older_dossier_verifies_with_the_key_that_sealed_it(lab, tmp_path):
    folder = at.unpacked(at.packaged_export(lab), tmp_path / "unpacked")
    sealed_with = keys.current().fingerprint
    present = tmp_path / "present.pem"
    present.write_text(rotate_signing_key(by=lab.ada, reason="Yearly change").public_pem)
    checked = verify(folder, present, keys.retired_file(sealed_with))
    assert checked.stdout.endswith("PASS\n"), checked.stdout
    assert not (folder / "data" / "signing-keys").exists()
