"""The dossier as an inspector checks it: with tools that are not ours."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from datetime import timedelta

import bagit
import pytest
from django.utils import timezone

from accounts.models import Absence, RoleGrant
from accounts.passwords import Authentication
from approvals import keys
from approvals.transitions import approve_stage, reject_stage, reset_stage
from evidence.models import NotebookEntry
from evidence.transitions import edit_notebook_entry
from governance.blueprint import ad_hoc_ladder
from narratives import packaging
from narratives.models import NarrativeExport, Package
from narratives.tests import packaging_lab as at
from narratives.tests.conftest import record
from narratives.transitions import request_export

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]


def run(*words, folder):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def export(lab):
    return at.packaged_export(lab)


@pytest.fixture
def folder(export, tmp_path):
    return at.unpacked(export, tmp_path / "unpacked")


def test_bagit_finds_a_complete_and_valid_bag(folder):
    bag = bagit.Bag(str(folder))
    bag.validate()
    assert bag.info["Payload-Oxum"] == bag.info["Payload-Oxum"].strip()


def test_sha256sum_confirms_both_manifests(folder):
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        assert run("sha256sum", "-c", "--strict", manifest, folder=folder).returncode == 0


def test_openssl_confirms_the_seal_over_the_tag_manifest(folder):
    command = "openssl pkeyutl -verify -pubin -inkey proof/signing-key.pub.pem -rawin -in tagmanifest-sha256.txt"
    sealed = run(*command.split(), "-sigfile", "proof/tagmanifest-sha256.txt.sig", folder=folder)
    assert sealed.returncode == 0, sealed.stderr


def test_the_dossiers_own_verifier_passes_it_packed_and_unpacked(export, folder):
    for given in (folder, at.dossier_path(export)):
        checked = run(sys.executable, "-I", folder / "verify_dossier.py", given, folder=folder)
        assert checked.returncode == 0, checked.stdout
        assert checked.stdout.endswith("PASS\n")


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("data/narrative.md", b"SARS", b"MERS"),
        ("data/timeline/events.jsonl", b"Re-pipetted", b"Repipetted!"),
        ("data/approvals.json", b"Lea Novak", b"Lea Nowak"),
        ("data/attachments/index.json", b"plate 3.csv", b"plate 4.csv"),
        ("proof/tagmanifest-sha256.txt.sig", None, b"x" * 64),
    ],
)
def test_the_verifier_fails_a_dossier_with_one_thing_changed_and_its_checksums_repaired(folder, path, old, new):
    file = folder / path
    content = file.read_bytes()
    assert old is None or old in content
    file.write_bytes(new if old is None else content.replace(old, new))
    bagit.Bag(str(folder)).save(manifests=True)
    checked = run(sys.executable, "-I", folder / "verify_dossier.py", folder, folder=folder)
    assert checked.returncode == 1
    assert "FAIL" in checked.stdout


def test_every_kind_of_evidence_lies_in_its_place_byte_for_byte(export, folder):
    index = json.loads((folder / "data/attachments/index.json").read_text())["attachments"]
    assert [each["type"] for each in index] == [
        "timeline_event", "qc_metric", "analytics_snapshot", "remediation_report", "notebook_entry", "file",
    ]  # fmt: skip
    for entry, attachment in zip(index, export.attachments.select_related("evidence"), strict=True):
        content = (folder / entry["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == attachment.evidence.sha256 == entry["sha256"]
    assert (folder / index[-1]["path"]).name == "06-plate_3.csv"
    assert index[-1]["filename"] == "plate 3.csv"


def test_the_timeline_ends_where_the_export_was_requested(export, folder):
    lines = (folder / "data/timeline/events.jsonl").read_bytes().splitlines()
    chain = json.loads((folder / "data/timeline/chain.json").read_text())
    assert len(lines) == chain["count"] == export.event_count
    assert hashlib.sha256(lines[-1]).hexdigest() == chain["head"] == export.timeline_head


def test_the_html_holds_every_event_and_nothing_that_runs(folder):
    html = (folder / "data/narrative.html").read_text()
    assert html.count('<section class="event"') == 4
    assert "<h1>Execution Narrative — SARS-CoV-2 N1 assay validation</h1>" in html
    assert not re.search(r"<script|javascript:|src=|https?://", html)


def test_names_inside_are_portable_stored_and_of_one_date_and_mode(export):
    with zipfile.ZipFile(at.dossier_path(export)) as archive:
        infos = archive.infolist()
        assert archive.testzip() is None
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", info.filename) for info in infos)
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}
    assert len({info.date_time for info in infos}) == 1
    assert len({info.filename.split("/")[0] for info in infos}) == 1


def test_packaging_twice_gives_the_same_bytes_whatever_happened_meanwhile(lab, export):
    first = at.dossier_path(export).read_bytes()
    entry = NotebookEntry.objects.get()
    edit_notebook_entry(entry, by=lab.jonas, title="Other", content="Changed", expected_revision=1)
    record(lab, "note.later", {"text": "after the request"})
    lab.execution.title = "Renamed"
    lab.execution.save(update_fields=["title"])
    lab.lea.full_name = "Lea Married"
    lab.lea.save()
    at.dossier_path(export).unlink()
    Package.objects.filter(export=export).update(status="queued")
    packaging.package(at.package_of(export).pk)
    assert at.dossier_path(export).read_bytes() == first


def test_a_run_with_hostile_text_still_makes_a_valid_bag(lab, tmp_path):
    record(lab, "note.observation", {"text": "</pre><script>alert(1)</script>\n# Heading\n```\n\u202e"})
    name = "../../évil \u202e😀 .exe.csv"
    export = at.packaged_export(lab, files=[at.file_of(lab, b"1", name), at.file_of(lab, b"2", name)])
    folder = at.unpacked(export, tmp_path / "hostile")
    bagit.Bag(str(folder)).validate()
    assert "<script" not in (folder / "data/narrative.html").read_text()
    checked = run(sys.executable, "-I", folder / "verify_dossier.py", folder, folder=folder)
    assert checked.returncode == 0, checked.stdout


def decide(export, number, verb, by, **changes):
    verb(
        export.ladder.stages.get(sequence_index=number).pk,
        by=by,
        authentication=Authentication("password", timezone.now()),
        expected_digest=export.content_digest,
        **changes,
    )


@pytest.fixture
def reopened(lab):
    """Stage 1 approved; stage 2 rejected, reset, and approved in the second cycle by a stand-in."""
    RoleGrant.objects.create(user=lab.sam, role="approver")
    stages = [{"required_role": "qa"}, {"required_role": "approver", "assignee_id": str(lab.lea.pk)}]
    export = request_export(lab.execution.pk, by=lab.jonas, blueprint=ad_hoc_ladder(stages))
    decide(export, 1, approve_stage, lab.mira, meaning="reviewed")
    decide(export, 2, reject_stage, lab.lea, notes="Where is <plate 3>?")
    reset_stage(export.ladder.stages.get(sequence_index=2).pk, by=lab.jonas, notes="On page 2")
    now = timezone.now()
    away = {"starts_at": now, "ends_at": now + timedelta(days=2), "created_by": lab.lea}
    Absence.objects.create(user=lab.lea, stand_in=lab.sam, **away)
    decide(export, 2, approve_stage, lab.sam, meaning="approved")
    packaging.package(at.package_of(export).pk)
    return NarrativeExport.objects.select_related("ladder").get(pk=export.pk)


def test_a_ladder_that_was_reset_half_way_passes_and_prints_what_was_superseded(reopened, tmp_path):
    folder = at.unpacked(reopened, tmp_path / "unpacked")
    checked = run(sys.executable, "-I", folder / "verify_dossier.py", folder, folder=folder)
    assert checked.stdout.endswith("PASS\n"), checked.stdout
    html = (folder / "data/narrative.html").read_text()
    page = html[html.index('<section id="signatures">') :]
    assert page.count("<tr><td>") == 3
    assert page.count("Superseded by a reset; cycle 1") == 1
    assert "“Where is &lt;plate 3&gt;?”<br><strong>Superseded" in page
    assert re.search(r"Samir Aoki for Lea Novak, absence \d", page)
    assert "I have reviewed this record</td>" in page
    assert len(re.findall(r"<td>\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d UTC</td>", page)) == 3
    assert page.count(f"key <code>{keys.current().fingerprint[:23]}…</code>") == 3


def test_the_verifier_misses_an_approval_that_only_an_undone_cycle_has(reopened, tmp_path):
    folder = at.unpacked(reopened, tmp_path / "unpacked")
    file = folder / "data/approvals.json"
    approvals = json.loads(file.read_text())
    approvals["stages"][1]["actions"] = [
        each for each in approvals["stages"][1]["actions"] if each["action"] != "approved"
    ]
    file.write_text(json.dumps(approvals))
    checked = run(sys.executable, "-I", folder / "verify_dossier.py", folder, folder=folder)
    assert "stage 2 has no approving signature" in checked.stdout
    assert checked.returncode == 1
