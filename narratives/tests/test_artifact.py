"""Download, legal hold, retention, telemetry and the operators' page."""

import base64
import hashlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Notification, RoleGrant
from experiments.events import Event
from narratives import artifact, packaging, retention
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport, Package
from narratives.tests import packaging_lab as at
from narratives.tests.conftest import make_execution

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def export(lab):
    return at.packaged_export(lab)


def page_of(export):
    return f"/exports/{export.pk}/dossier/"


def api_of(export, verb="artifact"):
    return f"/api/experiment-console/sessions/{export.execution_id}/exports/narrative/{export.pk}/{verb}"


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def api_client(user):
    client = APIClient()
    client.force_login(user)
    return client


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


def get(user, path, **headers):
    return client_of(user).get(path, headers=headers)


# --- Download -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path_of", [page_of, api_of])
def test_the_whole_dossier_with_its_headers(lab, export, path_of):
    content, response = at.dossier_path(export).read_bytes(), get(lab.jonas, path_of(export))
    assert response.status_code == 200
    assert body(response) == content
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert response["Digest"] == f"sha-256={digest}"
    assert response["Repr-Digest"] == f"sha-256=:{digest}:"
    assert response["Content-Type"] == "application/vnd.eln+zip"
    assert response["Content-Length"] == str(len(content))
    assert response["Accept-Ranges"] == "bytes"
    name = f'attachment; filename="sars-cov-2_n1_assay_validation-v1-{str(export.pk)[:8]}.eln"'
    assert response["Content-Disposition"] == name


@pytest.mark.parametrize("path_of", [page_of, api_of])
def test_head_tells_the_size_and_sends_nothing(lab, export, path_of):
    response = client_of(lab.jonas).head(path_of(export))
    assert response.status_code == 200
    assert response["Content-Length"] == str(at.dossier_path(export).stat().st_size)
    assert body(response) == b""


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=10-99", 10, 100), ("bytes=100-", 100, None), ("bytes=-7", -7, None),
     ("bytes=5-99999999", 5, None), ("bytes=-99999999", 0, None)],
)  # fmt: skip
def test_a_range_is_that_part(lab, export, wanted, start, end):
    content, response = at.dossier_path(export).read_bytes(), get(lab.jonas, page_of(export), Range=wanted)
    part = content[start:end]
    assert response.status_code == 206
    assert body(response) == part
    assert response["Content-Length"] == str(len(part))
    first = content.index(part) if start >= 0 else len(content) + start
    assert (
        response["Content-Range"]
        == f"bytes {first if start < 0 else start}-{(first if start < 0 else start) + len(part) - 1}/{len(content)}"
    )


@pytest.mark.parametrize(
    "wanted", ["bytes=99999999-", "bytes=9-3", "bytes=-0", "bytes=", "bytes=-", "bytes=x-3", "bytes=" + "9" * 40 + "-"]
)
def test_a_range_that_is_none_is_416_with_the_size(lab, export, wanted):
    response = get(lab.jonas, page_of(export), Range=wanted)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{at.dossier_path(export).stat().st_size}"


@pytest.mark.parametrize(
    "headers", [{"Range": "items=0-1"}, {"Range": "bytes=0-1,4-5"}, {"Range": "bytes=0-1", "If-Range": '"old"'}]
)
def test_other_ranges_and_outdated_conditions_get_the_whole(lab, export, headers):
    response = get(lab.jonas, page_of(export), **headers)
    assert response.status_code == 200
    assert len(body(response)) == at.dossier_path(export).stat().st_size


def test_if_range_with_the_etag_gets_the_part(lab, export):
    etag = get(lab.jonas, page_of(export))["ETag"]
    assert get(lab.jonas, page_of(export), Range="bytes=0-1", **{"If-Range": etag}).status_code == 206


def test_small_ranges_do_not_read_the_whole_again(lab, export, monkeypatch):
    read = []
    real = artifact.fingerprint
    monkeypatch.setattr(artifact, "fingerprint", lambda dossier: read.append(1) or real(dossier))
    artifact._remembered.clear()
    for first in range(5):
        body(get(lab.jonas, page_of(export), Range=f"bytes={first}-{first}"))
    assert len(read) == 1


def test_strangers_find_nothing(lab, export):
    for path in (page_of(export), api_of(export), f"/exports/{export.pk}/packaging/"):
        assert get(lab.sam, path).status_code == 404
    assert Client().get(page_of(export)).status_code == 302
    assert APIClient().get(api_of(export)).status_code == 401


def test_another_runs_path_finds_nothing(lab, export):
    other = make_execution(lab, "Other")
    path = api_of(export).replace(str(export.execution_id), str(other.pk))
    assert get(lab.jonas, path).status_code == 404
    assert get(lab.jonas, api_of(export).replace(str(export.pk), "no-uuid")).status_code == 404


def test_before_it_is_ready_it_is_409(lab):
    requested = at.requested_export(lab)
    assert get(lab.jonas, api_of(requested)).json()["code"] == "artifact_not_ready"
    at.approve(requested, by=lab.lea)
    for path in (page_of(requested), api_of(requested)):
        assert get(lab.jonas, path).status_code == 409


# --- Damage ---------------------------------------------------------------------------------------------------------


def tamper(path):
    path.chmod(0o600)
    told, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))  # as somebody would who hides it


def truncate(path):
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


def replace_by_link(path):
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(copy)


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("damage", [tamper, truncate, replace_by_link, replace_by_pipe, Path.unlink])
def test_a_damaged_dossier_is_never_served_is_told_once_and_is_served_again_after_repair(lab, export, damage):
    RoleGrant.objects.create(user=lab.mira, role="operator")
    path = at.dossier_path(export)
    content = path.read_bytes()
    body(get(lab.jonas, page_of(export)))
    damage(path)
    for _ in range(3):
        for address in (page_of(export), api_of(export)):
            response = get(lab.jonas, address, Range="bytes=0-3")
            assert response.status_code == 409
            assert content[:4] not in body(response)
    assert at.packaging_events(export).count("integrity_failed") == 1
    assert {each.user for each in Notification.objects.filter(kind="integrity_failed")} == {lab.mira, lab.ada}
    assert Notification.objects.filter(kind="integrity_failed").count() == 2
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    assert body(get(lab.jonas, page_of(export))) == content
    assert at.package_of(export).integrity_failed_at is None
    tamper(path)
    assert get(lab.jonas, page_of(export)).status_code == 409
    assert at.packaging_events(export).count("integrity_failed") == 2


def test_the_event_of_damage_names_what_was_found(lab, export):
    at.dossier_path(export).unlink()
    get(lab.jonas, page_of(export))
    at.golden(at.last_event(export, Event.PACKAGE_INTEGRITY_FAILED), GOLDEN)


# --- Legal hold and retention ---------------------------------------------------------------------------------------


def hold(user, export, **sent):
    return api_client(user).post(
        api_of(export, "legal-hold"), {"held": True, "reason": "Claim 7"} | sent, format="json"
    )


def test_an_administrator_places_and_releases_a_hold(lab, export):
    answer = hold(lab.ada, export)
    assert answer.status_code == 200
    assert answer.json()["legal_hold"] is True
    assert hold(lab.ada, export).status_code == 409
    assert hold(lab.ada, export, held=False, reason="Settled").json()["legal_hold"] is False
    for event in (Event.LEGAL_HOLD_SET, Event.LEGAL_HOLD_RELEASED):
        at.golden(at.last_event(export, event), GOLDEN)


@pytest.mark.parametrize(
    ("who", "sent", "status"),
    [
        ("jonas", {}, 403),
        ("sam", {}, 404),
        ("ada", {"reason": ""}, 400),
        ("ada", {"reason": "a\x00b"}, 400),
        ("ada", {"reason": "x" * 3000}, 400),
        ("ada", {"held": "perhaps"}, 400),
        ("ada", {"stray": 1}, 400),
    ],
)
def test_a_refused_hold_changes_nothing(lab, export, who, sent, status):
    events = export.execution.events.count()
    assert hold(getattr(lab, who), export, **sent).status_code == status
    assert NarrativeExport.objects.get(pk=export.pk).legal_hold is False
    assert export.execution.events.count() == events


def be_old(export):
    NarrativeExport.objects.filter(pk=export.pk).update(retention_expires_at=timezone.now() - timedelta(days=1))


def test_what_is_due_expires_and_is_gone(lab, export):
    path = at.dossier_path(export)
    assert retention.sweep() == (0, 0)
    be_old(export)
    assert retention.expire_due(now=timezone.now()) == 1
    assert not path.exists()
    assert at.package_of(export).status == PackageStatus.EXPIRED
    assert NarrativeExport.objects.get(pk=export.pk).retired_at is not None
    for address in (page_of(export), api_of(export)):
        assert get(lab.jonas, address).status_code == 410
    assert retention.expire_due(now=timezone.now()) == 0
    assert at.packaging_events(export).count("expired") == 1
    at.golden(at.last_event(export, Event.PACKAGE_EXPIRED), GOLDEN)


def test_a_held_export_never_expires(lab, export):
    hold(lab.ada, export)
    be_old(export)
    assert retention.expire_due(now=timezone.now()) == 0
    assert get(lab.jonas, page_of(export)).status_code == 200
    hold(lab.ada, export, held=False)
    assert retention.expire_due(now=timezone.now()) == 1


def test_tidying_removes_only_what_nothing_names_and_is_old(export):
    path = at.dossier_path(export)
    old, young, foreign = path.with_name("old.part"), path.with_name("young.part"), path.parent.parent / "other"
    foreign.mkdir()
    for stray in (old, young, foreign / "x.eln"):
        stray.write_bytes(b"x")
    long_ago = timezone.now().timestamp() - 3600
    for aged in (old, path, foreign / "x.eln"):
        os.utime(aged, (long_ago, long_ago))
    assert retention.remove_strays(now=timezone.now()) == 1
    assert (old.exists(), young.exists(), path.exists(), (foreign / "x.eln").exists()) == (False, True, True, True)


def test_tidying_leaves_the_folder_of_a_living_claim(export):
    path = at.dossier_path(export)
    os.utime(path, (1, 1))
    Package.objects.update(status="processing", lease_until=timezone.now() + timedelta(minutes=1))
    assert retention.remove_strays(now=timezone.now()) == 0


# --- Telemetry, progress, operations --------------------------------------------------------------------------------

JOBS = "/api/experiment-console/exports/narrative/jobs"


def test_telemetry_counts_what_the_caller_may_see(lab, export):
    told = get(lab.jonas, JOBS).json()
    assert told["queue"] == {"active": 0, "scheduled": 0, "reserved": 0}
    assert told["status_counts"]["ready"] == 1
    assert set(told["status_counts"]) == {"queued", "processing", "retrying", "ready", "failed", "expired"}
    assert (told["oldest_queued_seconds"], told["last_failure_at"]) == (None, None)
    assert get(lab.sam, JOBS).json()["status_counts"]["ready"] == 0
    Package.objects.update(status="queued", queued_at=timezone.now() - timedelta(seconds=90), failed_at=timezone.now())
    told = get(lab.ada, JOBS).json()
    assert told["queue"]["reserved"] == 1
    assert told["oldest_queued_seconds"] >= 90
    assert told["last_failure_at"].endswith("Z")


def test_the_fragment_asks_again_until_packaging_is_over(lab):
    export = at.approved_export(lab)
    address = f"/exports/{export.pk}/packaging/"

    def shown():
        return get(lab.jonas, address, **{"HX-Request": "true"}).content.decode()

    assert 'hx-trigger="every 2s"' in shown()
    Package.objects.update(status="processing", files_total=20, files_done=14, bytes_total=200, bytes_done=150)
    assert "14 of 20 files" in shown()
    assert 'hx-trigger="every 2s"' in shown()
    Package.objects.update(status="queued")
    packaging.package(at.package_of(export).pk)
    assert "hx-get" not in shown()
    assert f"/exports/{export.pk}/dossier/" in shown()
    assert "<html" in get(lab.jonas, address).content.decode()


def test_the_fragment_is_cheap(lab, export):
    client = client_of(lab.jonas)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(f"/exports/{export.pk}/packaging/", headers={"HX-Request": "true"})
    assert len(queries) <= 5
    assert not any('content",' in query["sql"].split("FROM")[0] for query in queries)


def test_operators_see_the_queue_and_retry(lab, export):
    Package.objects.update(status="failed", error="Attachment 6 was changed <b>", failed_at=timezone.now(), attempts=5)
    page = get(lab.ada, "/operations/").content.decode()
    assert "Attachment 6 was changed &lt;b&gt;" in page
    address = f"/operations/packages/{at.package_of(export).pk}/retry/"
    assert address in page
    assert get(lab.ada, address).status_code == 405
    answer = client_of(lab.ada).post(address, {"next": "//evil.example/"})
    assert (answer.status_code, answer["Location"]) == (302, "/operations/")
    assert at.package_of(export).status == PackageStatus.QUEUED
    assert client_of(lab.ada).post(address).status_code == 302  # nothing to retry any more: said on the page


def test_others_do_not(lab, export):
    assert get(lab.jonas, "/operations/").status_code == 403
    Package.objects.update(status="failed")
    assert client_of(lab.jonas).post(f"/operations/packages/{at.package_of(export).pk}/retry/").status_code == 403
    assert at.package_of(export).status == PackageStatus.FAILED


def test_an_unknown_package_is_404(lab):
    path = "/operations/packages/00000000-0000-0000-0000-000000000000/retry/"
    assert client_of(lab.ada).post(path).status_code == 404


def test_the_operations_page_asks_the_same_with_one_and_with_thirty_packages(lab, export):
    def count():
        client = client_of(lab.ada)
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/operations/").status_code == 200
        return len(queries)

    one = count()
    Package.objects.bulk_create(Package(export=export, cycle=cycle, status="superseded") for cycle in range(2, 31))
    assert count() == one
