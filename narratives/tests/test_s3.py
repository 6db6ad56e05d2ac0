"""Dossiers in an S3 bucket, spoken to for real: the same promises as in a folder."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.files.storage import storages
from django.utils import timezone

from biolabs.invariants import faults
from narratives import artifact, dossier_storage, packaging, retention
from narratives.bag import CHUNK
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport, Package
from narratives.package_transitions import claim_package
from narratives.tests import packaging_lab as at
from narratives.tests.conftest import make_lab
from narratives.tests.test_artifact import api_of, body, client_of, get, page_of
from narratives.tests.test_killed import surroundings  # noqa: F401 a fixture
from tests.bucket import bucket_server, under

pytestmark = [pytest.mark.django_db]
ROOT = Path(__file__).resolve().parents[2]
bucket_address = pytest.fixture(scope="module")(bucket_server)


@pytest.fixture
def bucket(stores, settings, bucket_address):
    settings.STORAGES |= {name: under(name, bucket_address) for name in ("evidence", "dossiers")}
    settings.FILE_UPLOAD_TEMP_DIR = stores / "uploads"
    artifact._remembered.clear()
    found = storages["dossiers"].bucket
    found.create()
    yield found
    found.objects.all().delete()


def keys(bucket):
    return sorted(item.key for item in bucket.objects.filter(Prefix="dossiers/"))


def stored(bucket, export):
    return bucket.Object(f"dossiers/{at.package_of(export).storage_name}")


def drafts(stores):
    return list((stores / "uploads").glob("*.part"))


def test_a_dossier_is_the_same_in_a_bucket_as_in_a_folder(lab, stores, bucket, settings):
    export = at.packaged_export(lab)
    package = at.package_of(export)
    assert keys(bucket) == [f"dossiers/{package.storage_name}"]
    assert drafts(stores) == []
    assert list(faults()) == []
    content = stored(bucket, export).get()["Body"].read()
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES |= {"dossiers": {"BACKEND": backend, "OPTIONS": {"location": stores / "dossiers"}}}
    Package.objects.update(status=PackageStatus.QUEUED, storage_name="")
    packaging.package(package.pk)
    assert at.dossier_path(export).read_bytes() == content


def test_it_is_handed_out_whole_and_in_ranges(lab, bucket):
    export = at.packaged_export(lab)
    content = stored(bucket, export).get()["Body"].read()
    whole = get(lab.jonas, api_of(export))
    assert (whole.status_code, body(whole), whole["Content-Length"]) == (200, content, str(len(content)))
    for wanted, part in (("bytes=0-0", content[:1]), ("bytes=10-99", content[10:100]), ("bytes=-7", content[-7:])):
        response = get(lab.jonas, page_of(export), Range=wanted, **{"If-Range": whole["ETag"]})
        assert (response.status_code, body(response)) == (206, part)
    assert get(lab.jonas, page_of(export), Range="bytes=99999999-").status_code == 416
    head = client_of(lab.jonas).head(page_of(export))
    assert (body(head), head["Content-Length"]) == (b"", str(len(content)))


def tamper(thing, content):
    thing.put(Body=content[:-1] + bytes([content[-1] ^ 1]))


def truncate(thing, content):
    thing.put(Body=content[:-1])


def delete(thing, content):
    thing.delete()


@pytest.mark.parametrize("damage", [tamper, truncate, delete])
def test_damage_in_the_bucket_is_told_once_found_by_verify_and_served_again_after_repair(lab, bucket, damage):
    export = at.packaged_export(lab)
    thing = stored(bucket, export)
    content = body(get(lab.jonas, page_of(export)))
    damage(thing, content)
    for address in (page_of(export), api_of(export)):
        assert get(lab.jonas, address, Range="bytes=0-3").status_code == 409
    assert at.packaging_events(export).count("integrity_failed") == 1
    assert [fault for fault in faults() if str(at.package_of(export).pk) in fault]
    thing.put(Body=content)
    assert body(get(lab.jonas, page_of(export))) == content
    assert at.package_of(export).integrity_failed_at is None


def test_a_dossier_replaced_after_it_was_checked_is_not_handed_out(lab, bucket, monkeypatch):
    export = at.packaged_export(lab)
    real, thing = artifact.verified_dossier, stored(bucket, export)

    def replaced_meanwhile(package):
        opened = real(package)
        thing.put(Body=b"something else")
        return opened

    monkeypatch.setattr(artifact, "verified_dossier", replaced_meanwhile)
    response = get(lab.jonas, api_of(export))
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


def test_a_bucket_that_does_not_answer_is_503_and_no_damage(lab, bucket, monkeypatch):
    export = at.packaged_export(lab)

    def no_answer(_name):
        raise EndpointConnectionError(endpoint_url="http://bucket")

    monkeypatch.setattr(artifact, "open_dossier", no_answer)
    response = get(lab.jonas, api_of(export))
    assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
    assert response["Retry-After"] == "60"
    assert at.package_of(export).integrity_failed_at is None


def test_what_is_due_is_gone_from_the_bucket(lab, bucket):
    export = at.packaged_export(lab)
    NarrativeExport.objects.update(retention_expires_at=timezone.now() - timedelta(days=1))
    assert retention.sweep() == (1, 0)
    assert keys(bucket) == []
    assert get(lab.jonas, page_of(export)).status_code == 410
    assert retention.sweep() == (0, 0)


def test_tidying_removes_what_nothing_names_and_parts_that_nobody_will_finish(lab, bucket, monkeypatch):
    export = at.packaged_export(lab)
    kept = keys(bucket)
    bucket.Object(f"dossiers/{at.package_of(export).pk}/stray.eln").put(Body=b"x")
    bucket.Object("dossiers/other/foreign.eln").put(Body=b"x")
    assert retention.remove_strays(now=timezone.now()) == 0  # all of it is young
    bucket.Object(f"dossiers/{at.package_of(export).pk}/half.eln").initiate_multipart_upload()
    monkeypatch.setattr(dossier_storage, "_age", lambda moment: timedelta(hours=1))
    assert retention.remove_strays(now=timezone.now()) == 2
    assert keys(bucket) == sorted([*kept, "dossiers/other/foreign.eln"])
    assert list(bucket.multipart_uploads.all()) == []


class TwoParts:
    """An upload large enough that its dossier goes to the bucket in parts."""

    name, content_type, size = "two parts.bin", "application/octet-stream", 9 * CHUNK

    def chunks(self):
        return (bytes(CHUNK) for _ in range(9))


def large_export(lab):
    return at.approved_export(lab, files=[at.store_file(TwoParts(), by=lab.jonas, execution=lab.execution)])


def test_a_claim_lost_while_it_sends_leaves_nothing_in_the_bucket(lab, bucket, stores, monkeypatch):
    export = large_export(lab)
    claims = []

    def taken_over(name):
        if name == "sending" and not claims:
            Package.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            claims.append(claim_package(at.package_of(export).pk, owner="another"))

    monkeypatch.setattr(packaging, "at_step", taken_over)
    monkeypatch.setattr(packaging, "RENEW_SECONDS", 0)
    assert packaging.package(at.package_of(export).pk) == "somebody else has it"
    assert claims[0].fence == 2
    assert (keys(bucket), list(bucket.multipart_uploads.all()), drafts(stores)) == ([], [], [])


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_it_sends_leaves_nothing_to_see_and_the_next_one_finishes(
    bucket,
    stores,
    bucket_address,
    surroundings,  # noqa: F811
    monkeypatch,
):
    export, steps = large_export(make_lab()), []
    package = at.package_of(export)
    monkeypatch.setattr(packaging, "at_step", steps.append)
    packaging.package(package.pk)
    (expected,) = keys(bucket)
    bucket.objects.filter(Prefix="dossiers/").delete()
    Package.objects.update(status=PackageStatus.QUEUED, storage_name="", attempts=0)

    deadly = len(steps) - steps[::-1].index("sending")  # the last part is under way
    given = {"S3_BUCKET": "lab", "S3_ENDPOINT_URL": bucket_address, "S3_REGION": "us-east-1"}
    given |= {"S3_ACCESS_KEY_ID": "x", "S3_SECRET_ACCESS_KEY": "x"}
    command = [sys.executable, "-m", "narratives.tests.killed_worker", str(package.pk), str(deadly)]
    killed = subprocess.run(command, cwd=ROOT, env=surroundings | given, capture_output=True, timeout=120, check=False)
    assert killed.returncode == -9, killed.stderr
    assert keys(bucket) == []
    assert len(drafts(stores)) == 1
    assert len(list(bucket.multipart_uploads.all())) == 1

    at.let_time_pass(export, lease_until=True)
    assert packaging.package(package.pk).startswith("ready")
    assert keys(bucket) == [expected]
    assert drafts(stores) == []
    monkeypatch.setattr(dossier_storage, "_age", lambda moment: timedelta(hours=1))
    assert retention.remove_strays(now=timezone.now()) == 1
    assert list(bucket.multipart_uploads.all()) == []
