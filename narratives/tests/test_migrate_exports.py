"""`migrate_exports`: exports of older data, made by hand in SQL, get the snapshot of the template they name."""

import io
import json
import multiprocessing
import os
import signal
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts.models import User
from governance.audit import AUDIT_LOGS
from governance.models import TemplateAuditLog
from governance.transitions import archive_template, create_template
from ledger.chain import fault_in
from narratives import backfill, backfill_transitions
from narratives.management.commands import migrate_exports
from narratives.models import NarrativeExport
from narratives.tests.conftest import make_lab
from narratives.tests.older_exports import name_template, older_export
from narratives.transitions import request_export

pytestmark = pytest.mark.django_db
STAGES = [{"name": "QA review", "required_role": "qa", "sla_hours": 24}]
NOBODY = uuid.UUID("11111111-1111-4111-8111-111111111111")


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "data"
    return settings.DATA_DIR


def version(lab, *, publish=True, key="release"):
    return create_template(
        by=lab.ada, template_key=key, name="Release", stage_blueprint=STAGES, publish=publish
    )  # fmt: skip


def migrate(*arguments):
    printed = io.StringIO()
    call_command("migrate_exports", *arguments, stdout=printed)
    return json.loads(printed.getvalue())


def counted(processed, updated, anomalies=0, dry_run=False):
    return {"processed": processed, "updated": updated, "anomalies": anomalies, "dry_run": dry_run}


def anomalies(folder):
    lines = (folder / "problems" / "governance_migration.log").read_text().splitlines()
    return [(entry["export_id"], entry["anomaly"]) for entry in map(json.loads, lines)]


def bound(export_id):
    export = NarrativeExport.objects.get(pk=export_id)
    return export.template_snapshot and export.template_snapshot.template.version


def bindings():
    return TemplateAuditLog.objects.filter(action="export.snapshot.bound").count()


def test_an_export_gets_the_snapshot_of_the_very_version_it_names(lab):
    first = version(lab)
    version(lab)
    old = older_export(lab, template_id=first.pk)
    before = NarrativeExport.objects.values("content", "content_digest", "metadata", "notes").get(pk=old)
    assert migrate() == counted(1, 1)
    assert bound(old) == 1
    entry = TemplateAuditLog.objects.get(action="export.snapshot.bound")
    assert (entry.actor, entry.details["export_id"]) == (User.objects.system(), str(old))
    assert entry.details["snapshot_id"] == str(first.snapshot.pk)
    assert NarrativeExport.objects.values("content", "content_digest", "metadata", "notes").get(pk=old) == before
    for chain in AUDIT_LOGS.ids():
        assert fault_in(AUDIT_LOGS, chain) is None


def test_running_twice_changes_nothing_more_and_tells_no_anomaly_twice(lab, folder):
    older_export(lab, template_id=version(lab).pk)
    lost = older_export(lab, template_id=version(lab, publish=False, key="draft-only").pk)
    assert migrate() == counted(2, 1, 1)
    rows = list(NarrativeExport.objects.order_by("pk").values())
    assert migrate() == counted(1, 0, 1)
    assert list(NarrativeExport.objects.order_by("pk").values()) == rows
    assert anomalies(folder) == [(str(lost), "missing_snapshot")]
    assert bindings() == 1


def test_a_dry_run_tells_what_it_would_do_and_changes_nothing(lab, folder):
    old = older_export(lab, template_id=version(lab).pk)
    older_export(lab, template_id=version(lab, publish=False, key="draft-only").pk)
    assert migrate("--dry-run") == counted(2, 1, 1, dry_run=True)
    assert (bound(old), bindings(), folder.exists()) == (None, 0, False)


def test_a_draft_or_an_archived_version_gets_what_its_ladder_published(lab):
    first = version(lab)
    draft = older_export(lab, template_id=version(lab, publish=False).pk)
    archived_only = version(lab, key="retired")
    archive_template(archived_only, by=lab.ada)
    retired = older_export(lab, template_id=archived_only.pk)
    assert migrate() == counted(2, 2)
    assert bound(draft) == first.version
    assert NarrativeExport.objects.get(pk=retired).template_snapshot == archived_only.snapshot
    assert NarrativeExport.objects.get(pk=draft).workflow_template.version == 2, "what the export named stays"


def test_a_template_that_is_not_there_is_an_anomaly(lab, folder):
    lost = older_export(lab, template_id=NOBODY)
    assert migrate() == counted(1, 0, 1)
    assert anomalies(folder) == [(str(lost), "missing_template")]
    name_template(lost, None)  # the database checks at the end of the test


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"template_key": "release"}, 2),
        ({"workflow_template_key": "release", "workflow_template_version": 1}, 1),
        ({"template_key": "release", "template_version": "1"}, 1),
        ({"template_id": "FIRST"}, 1),
        ({"workflow_template_snapshot_id": "SNAPSHOT"}, 1),
    ],
)
@pytest.mark.parametrize("place", ["metadata", "blueprint"])
def test_older_data_names_its_template_in_metadata_or_in_the_blueprint(lab, place, named, expected):
    first = version(lab)
    version(lab)
    known = {"FIRST": str(first.pk), "SNAPSHOT": str(first.snapshot.pk)}
    said = {key: known.get(value, value) for key, value in named.items()}
    if place == "blueprint":
        said = json.dumps({"template_key": "release", "stages": []} | said)
    old = older_export(lab, **{place: said})
    assert migrate() == counted(1, 1)
    assert bound(old) == expected
    assert NarrativeExport.objects.get(pk=old).workflow_template.version == expected


@pytest.mark.parametrize(
    "metadata",
    [{"template_key": "nothing"}, {"template_id": "no id"}, {"template_key": "a\x7f", "template_version": "9"}],
)
def test_a_name_that_leads_nowhere_is_an_anomaly(lab, folder, metadata):
    version(lab)
    lost = older_export(lab, metadata=metadata)
    assert migrate() == counted(1, 0, 1)
    assert anomalies(folder) == [(str(lost), "missing_template")]


def test_what_names_no_template_is_left_alone(lab, folder):
    version(lab)
    request_export(lab.execution.pk, by=lab.jonas, metadata={"template_key": "release"})  # a note beside its own ladder
    older_export(lab)
    older_export(lab, metadata=["release"], blueprint="no JSON")
    older_export(lab, metadata={"template_key": None, "site": "Basel"}, blueprint='{"template_key": "", "x": [1]}')
    assert migrate() == counted(0, 0)
    assert bindings() == 0


def test_a_torn_line_of_the_log_stays_alone(lab, folder):
    lost = older_export(lab, metadata={"template_key": "nothing"})
    (folder / "problems").mkdir(parents=True)
    log = folder / "problems" / "governance_migration.log"
    log.write_text('{"export_id": "cut o')
    migrate()
    migrate()
    _torn, whole = log.read_text().splitlines()
    assert json.loads(whole)["export_id"] == str(lost)


def test_a_log_that_cannot_be_written_stops_the_command_before_it_changes_anything(lab, folder):
    old = older_export(lab, template_id=version(lab).pk)
    folder.write_text("a file where the folder should be")
    with pytest.raises(CommandError, match="nothing was changed"):
        migrate()
    assert bound(old) is None


def test_an_export_somebody_bound_meanwhile_is_not_bound_again(lab):
    template = version(lab)
    old = older_export(lab, template_id=template.pk)
    arguments = (old, lab.execution.pk, template, template.snapshot)
    assert backfill_transitions.bind_export(*arguments, by=User.objects.system())
    assert not backfill_transitions.bind_export(*arguments, by=User.objects.system())
    assert bindings() == 1


def test_batches_follow_each_other_and_a_terminal_sees_a_bar(lab, monkeypatch):
    template = version(lab)
    for _ in range(5):
        older_export(lab, template_id=template.pk)

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(backfill, "BATCH", 2)
    monkeypatch.setattr(migrate_exports.sys, "stderr", terminal)
    assert migrate() == counted(5, 5)
    assert terminal.getvalue().endswith("] 5 of 5 exports\n")


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_it_goes_on(settings):
    lab = make_lab()
    User.objects.system()
    template = version(lab)
    for _ in range(4):
        older_export(lab, template_id=template.pk)
    connections.close_all()
    child = multiprocessing.get_context("fork").Process(target=_killed_at_the_third)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert bindings() == NarrativeExport.objects.filter(template_snapshot__isnull=False).count() == 2
    assert migrate() == counted(2, 2)
    assert bindings() == 4
    for chain in AUDIT_LOGS.ids():
        assert fault_in(AUDIT_LOGS, chain) is None


def _killed_at_the_third():
    calls, honest = [], backfill_transitions.log_binding

    def deadly(*arguments):
        honest(*arguments)
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)  # written, not committed

    backfill_transitions.log_binding = deadly
    try:
        migrate()
    finally:
        os._exit(1)
