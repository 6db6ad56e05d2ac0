"""`manage.py verify` on the demonstration laboratory: sound as made, and each damage is named."""

import io
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import CommandError, call_command
from django.db import connection

from baselines.models import Baseline
from evidence.models import StoredFile
from experiments.models import ExecutionEvent
from ledger import triggers
from narratives.models import NarrativeExport, Package
from narratives.packaging import package


@pytest.fixture
def laboratory(transactional_db, tmp_path, settings):
    settings.SIGNING_KEY_FILE = tmp_path / "signing_key.pem"
    call_command("demo", stdout=io.StringIO())
    package(Package.objects.order_by("pk").first().pk)


def verify():
    call_command("verify", stdout=io.StringIO(), stderr=io.StringIO())


def force(sql, *values):
    with triggers.suspended(connection), connection.cursor() as cursor:
        cursor.execute(sql, values)


def _narrative():
    export = NarrativeExport.objects.first()
    force("UPDATE narratives_narrativeexport SET content = content || 'x' WHERE version = 1")
    return f"Export {export.pk}"


def _seal():
    force("UPDATE approvals_signature SET statement = replace(statement, 'approved', 'reviewed')")
    return "Ladder"


def _dossier():
    ready = Package.objects.get(status="ready")
    path = Path(project.STORAGES["dossiers"]["OPTIONS"]["location"]) / ready.storage_name
    path.chmod(0o600)
    with path.open("r+b") as dossier:
        dossier.seek(100)
        dossier.write(b"tampered")
    return f"Package {ready.pk}: the dossier does not have its checksum"


def _evidence():
    stored = StoredFile.objects.first()
    path = Path(project.STORAGES["evidence"]["OPTIONS"]["location"]) / stored.sha256[:2] / stored.sha256
    path.unlink()
    return "cannot be read"


def _timeline():
    event = ExecutionEvent.objects.filter(event_type="qc.od600").first()
    force("UPDATE experiments_executionevent SET actor_name = 'Somebody Else' WHERE event_type = 'qc.od600'")
    return str(event.pk)


def _baseline():
    standard = Baseline.objects.filter(is_current=True).first()
    Baseline.objects.filter(pk=standard.pk).update(is_current=False)
    return f"the current baseline is none, {standard.pk} expected"


def test_a_laboratory_as_made_is_sound(laboratory):
    verify()


@pytest.mark.parametrize("damage", [_narrative, _seal, _dossier, _evidence, _timeline, _baseline])
def test_each_damage_is_named(laboratory, damage):
    named = damage()
    with pytest.raises(CommandError, match=named):
        verify()
