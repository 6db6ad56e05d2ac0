"""Packaging: claim, build, complete; failures, retries, late workers, resets."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Notification, RoleGrant
from approvals.models import ApprovalLadder
from experiments.events import Event
from ledger.errors import NotAllowed, TransitionDenied
from narratives import dossier_storage, packaging, tasks
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport, Package
from narratives.package_transitions import (
    ClaimLost,
    back_off,
    claim_package,
    complete_package,
    fail_attempt,
    renew_claim,
    retry_package,
)
from narratives.tests import packaging_lab as at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def export(lab):
    return at.approved_export(lab)


def blob_of(export):
    sha256 = export.attachments.get(evidence__evidence_type="file").evidence.sha256
    return Path(settings.STORAGES["evidence"]["OPTIONS"]["location"]) / sha256[:2] / sha256


def files_left():
    folder = Path(settings.STORAGES["dossiers"]["OPTIONS"]["location"])
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- It works -------------------------------------------------------------------------------------------------------


def test_nothing_is_queued_before_the_last_stage_approves(lab):
    export = at.requested_export(lab)
    assert not Package.objects.exists()
    assert OrmQ.objects.count() == 0
    at.approve(export, by=lab.lea)
    assert at.package_of(export).status == PackageStatus.QUEUED
    assert [queued.task["args"] for queued in OrmQ.objects.all()] == [(str(at.package_of(export).pk),)]
    at.golden(at.last_event(export, Event.PACKAGE_QUEUED), GOLDEN)


def test_the_task_packages_and_says_so(lab, export):
    assert tasks.package_export(str(at.package_of(export).pk)).startswith("ready")
    package, export = at.package_of(export), NarrativeExport.objects.get(pk=export.pk)
    assert package.status == PackageStatus.READY
    assert package.attempts == 1
    assert (package.owner, package.lease_until, package.error) == ("", None, "")
    assert package.size == at.dossier_path(export).stat().st_size
    assert package.files_done == package.files_total == 21
    assert package.bytes_done == package.bytes_total > 0
    assert at.packaging_events(export) == ["queued", "started", "ready"]
    assert export.retention_expires_at == package.packaged_at + timedelta(days=settings.RETENTION_DAYS)
    assert Notification.objects.get(kind="dossier_ready").user == lab.jonas
    assert files_left() == [package.storage_name]
    at.golden(at.last_event(export, Event.PACKAGE_STARTED), GOLDEN)
    at.golden(at.last_event(export, Event.PACKAGE_READY), GOLDEN)


def test_a_second_job_for_a_ready_package_changes_nothing(export):
    packaging.package(at.package_of(export).pk)
    before = Package.objects.values().get()
    assert packaging.package(at.package_of(export).pk) == "nothing to do"
    assert Package.objects.values().get() == before
    assert at.packaging_events(export) == ["queued", "started", "ready"]


def test_an_unknown_package_is_nothing_to_do(db):
    assert tasks.package_export("00000000-0000-0000-0000-000000000000") == "nothing to do"


def test_a_package_is_not_claimed_while_its_ladder_is_not_approved(export):
    ApprovalLadder.objects.update(status="pending", closed_at=None)
    assert claim_package(at.package_of(export).pk, owner="w") is None
    assert at.package_of(export).attempts == 0


# --- Evidence damaged -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda blob: blob.write_bytes(b"well;od\nA1;9.61\n"), "was changed"),
        (lambda blob: blob.write_bytes(b"well"), "has 4 bytes; 16 were frozen"),
        (lambda blob: blob.write_bytes(b"x" * 100), "is longer than the 16 bytes"),
        (lambda blob: blob.unlink(), "are missing"),
    ],
)
def test_damaged_evidence_fails_the_attempt_with_its_reason_and_leaves_no_file(export, damage, reason):
    blob = blob_of(export)
    blob.chmod(0o600)
    damage(blob)
    packaging.package(at.package_of(export).pk)
    package = at.package_of(export)
    assert package.status == PackageStatus.RETRYING
    assert reason in package.error
    assert package.next_attempt_at > timezone.now()
    assert at.packaging_events(export) == ["queued", "started", "retrying"]
    assert files_left() == []


def test_repaired_evidence_is_packaged_at_the_next_attempt(export):
    blob = blob_of(export)
    content = blob.read_bytes()
    blob.unlink()
    packaging.package(at.package_of(export).pk)
    assert packaging.package(at.package_of(export).pk) == "nothing to do"  # not before its time
    blob.write_bytes(content)
    at.let_time_pass(export, next_attempt_at=True)
    assert packaging.package(at.package_of(export).pk).startswith("ready")
    assert at.packaging_events(export) == ["queued", "started", "retrying", "started", "ready"]
    assert at.package_of(export).error == ""


def test_the_last_attempt_fails_for_good_and_tells_operators_and_requester(lab, export, settings):
    settings.PACKAGING_MAX_ATTEMPTS = 2
    RoleGrant.objects.create(user=lab.sam, role="operator")
    blob_of(export).unlink()
    for _ in range(2):
        packaging.package(at.package_of(export).pk)
        at.let_time_pass(export, next_attempt_at=True)
    package = at.package_of(export)
    assert package.status == PackageStatus.FAILED
    assert package.attempts == 2
    assert package.failed_at is not None
    assert at.packaging_events(export) == ["queued", "started", "retrying", "started", "failed"]
    told = Notification.objects.filter(kind="packaging_failed")
    assert {each.user for each in told} == {lab.sam, lab.ada, lab.jonas}
    assert all("are missing" in each.body for each in told)
    assert packaging.package(package.pk) == "nothing to do"
    at.golden(at.last_event(export, Event.PACKAGE_RETRYING), GOLDEN)
    at.golden(at.last_event(export, Event.PACKAGE_FAILED), GOLDEN)


def test_a_worker_that_dies_every_time_is_dead_lettered_at_the_next_claim(export, settings):
    settings.PACKAGING_MAX_ATTEMPTS = 2
    for _ in range(2):
        assert claim_package(at.package_of(export).pk, owner="w")
        at.let_time_pass(export, lease_until=True)
    assert claim_package(at.package_of(export).pk, owner="w") is None
    assert at.package_of(export).status == PackageStatus.FAILED
    assert at.package_of(export).error == "The worker stopped in the middle of every attempt."
    assert at.packaging_events(export) == ["queued", "started", "started", "failed"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("surprise \x00 \ud800")])
def test_whatever_goes_wrong_is_written_down_and_tried_again(export, monkeypatch, caplog, error):
    # A test report that quotes a lone surrogate cannot be sent between processes.
    caplog.set_level("CRITICAL", logger=packaging.log.name)

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(packaging, "read_back", fail)
    packaging.package(at.package_of(export).pk)
    package = at.package_of(export)
    assert package.status == PackageStatus.RETRYING
    assert package.error.startswith(f"{type(error).__name__}: ")
    assert files_left() == []


def test_bytes_that_read_back_otherwise_are_not_kept(export, monkeypatch):
    real = packaging.read_back

    def flip_and_read(path, infos, *, tick):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        return real(path, infos, tick=tick)

    monkeypatch.setattr(packaging, "read_back", flip_and_read)
    packaging.package(at.package_of(export).pk)
    assert at.package_of(export).status == PackageStatus.RETRYING
    assert "read back" in at.package_of(export).error


def test_the_back_off_doubles_to_a_quarter_of_an_hour():
    assert [back_off(n).total_seconds() for n in (1, 2, 3, 7, 60)] == [15, 30, 60, 900, 900]


# --- Operators ------------------------------------------------------------------------------------------------------


def failed(export):
    Package.objects.filter(export=export).update(
        status="failed", attempts=5, error="broken", failed_at=timezone.now(), fence=9
    )
    return at.package_of(export)


def test_an_operator_sends_a_failed_package_back(lab, export):
    OrmQ.objects.all().delete()
    retry_package(failed(export).pk, by=lab.ada)
    package = at.package_of(export)
    assert (package.status, package.attempts, package.failed_at) == (PackageStatus.QUEUED, 0, None)
    assert OrmQ.objects.count() == 1
    assert at.packaging_events(export) == ["queued", "queued"]
    assert packaging.package(package.pk).startswith("ready")


def test_nobody_else_sends_it_back(lab, export):
    package = failed(export)
    with pytest.raises(NotAllowed):
        retry_package(package.pk, by=lab.jonas)
    assert at.package_of(export).status == PackageStatus.FAILED
    assert at.packaging_events(export) == ["queued"]


def test_only_a_failed_package_goes_back(lab, export):
    with pytest.raises(TransitionDenied):
        retry_package(at.package_of(export).pk, by=lab.ada)
    assert at.packaging_events(export) == ["queued"]


# --- Claims ---------------------------------------------------------------------------------------------------------


def test_a_second_claim_loses_while_the_first_holds_its_lease(export):
    package = at.package_of(export)
    assert claim_package(package.pk, owner="first")
    assert claim_package(package.pk, owner="second") is None
    assert at.package_of(export).owner == "first"
    assert at.package_of(export).attempts == 1


def test_a_late_worker_with_an_old_fence_changes_nothing(export):
    package = at.package_of(export)
    late = claim_package(package.pk, owner="late")
    built = packaging.build(late)
    at.let_time_pass(export, lease_until=True)
    newer = claim_package(package.pk, owner="newer")
    before, events = Package.objects.values().get(), at.packaging_events(export)
    for attempt in (
        lambda: renew_claim(late, files_done=3),
        lambda: complete_package(late, built),
        lambda: fail_attempt(late, "late"),
    ):
        with pytest.raises(ClaimLost):
            attempt()
    assert Package.objects.values().get() == before
    assert at.packaging_events(export) == events
    complete_package(newer, packaging.build(newer))
    assert at.packaging_events(export) == ["queued", "started", "started", "ready"]
    assert files_left() == [at.package_of(export).storage_name]


def test_a_worker_that_loses_its_claim_stops_copying(export, monkeypatch):
    def lose(name):
        if name == "wrote data/narrative.md":
            Package.objects.update(fence=99)

    monkeypatch.setattr(packaging, "at_step", lose)
    monkeypatch.setattr(packaging, "RENEW_SECONDS", 0)
    assert packaging.package(at.package_of(export).pk) == "somebody else has it"
    assert at.packaging_events(export) == ["queued", "started"]
    assert files_left() == []


def test_drafts_of_dead_claims_are_removed_by_the_next(export):
    first = claim_package(at.package_of(export).pk, owner="dies")
    dossier_storage.draft_path(first).write_bytes(b"half")
    at.let_time_pass(export, lease_until=True)
    packaging.package(at.package_of(export).pk)
    assert files_left() == [at.package_of(export).storage_name]


def test_progress_is_written_at_a_bounded_rate(export, monkeypatch, django_assert_max_num_queries):
    claim = claim_package(at.package_of(export).pk, owner="w")
    progress = packaging.Progress(claim, files_total=3, bytes_total=10_000)
    with django_assert_max_num_queries(1):
        for _ in range(1000):
            progress.copied(1)


# --- Sweep ----------------------------------------------------------------------------------------------------------


def queued_jobs():
    return OrmQ.objects.count()


def test_the_sweep_leaves_fresh_and_finished_packages_alone(export):
    OrmQ.objects.all().delete()
    assert packaging.sweep() == 0
    packaging.package(at.package_of(export).pk)
    Package.objects.update(queued_at=timezone.now() - timedelta(days=9))
    assert packaging.sweep() == 0
    assert queued_jobs() == 0


@pytest.mark.parametrize(
    "state",
    [
        {"status": "queued", "queued_at": -3600},
        {"status": "processing", "queued_at": -3600, "lease_until": -1},
        {"status": "retrying", "queued_at": -3600, "next_attempt_at": -1},
    ],
)
def test_the_sweep_enqueues_what_was_left_behind_once(export, state):
    OrmQ.objects.all().delete()
    now = timezone.now()
    Package.objects.update(
        **{name: now + timedelta(seconds=value) if isinstance(value, int) else value for name, value in state.items()}
    )
    assert packaging.sweep() == 1
    assert packaging.sweep() == 0  # its job waits already
    assert queued_jobs() == 1
    assert packaging.package(at.package_of(export).pk).startswith("ready")


@pytest.mark.parametrize(
    "state", [{"status": "processing", "lease_until": 60}, {"status": "retrying", "next_attempt_at": 60}]
)
def test_the_sweep_leaves_living_claims_and_coming_attempts_alone(export, state):
    now = timezone.now()
    Package.objects.update(
        queued_at=now - timedelta(hours=1),
        **{name: now + timedelta(seconds=value) if isinstance(value, int) else value for name, value in state.items()},
    )
    assert packaging.sweep() == 0


# --- Reset ----------------------------------------------------------------------------------------------------------


def test_a_reset_supersedes_a_queued_package_and_its_job_finds_nothing_to_do(lab, export):
    old = at.package_of(export)
    at.reset(export, by=lab.ada)
    assert Package.objects.get(pk=old.pk).status == PackageStatus.SUPERSEDED
    assert packaging.package(old.pk) == "nothing to do"
    at.approve(NarrativeExport.objects.get(pk=export.pk), by=lab.lea)
    new = at.package_of(export)
    assert (new.cycle, new.status) == (2, PackageStatus.QUEUED)
    assert packaging.package(new.pk).startswith("ready")


def test_a_reset_stops_a_worker_in_the_middle(lab, export):
    claim = claim_package(at.package_of(export).pk, owner="w")
    built = packaging.build(claim)
    at.reset(export, by=lab.ada)
    with pytest.raises(ClaimLost):
        complete_package(claim, built)
    assert "ready" not in at.packaging_events(export)


def test_a_reset_is_refused_once_the_dossier_is_ready_and_nothing_changes(lab, export):
    packaging.package(at.package_of(export).pk)
    before = export.execution.events.count()
    with pytest.raises(TransitionDenied):
        at.reset(export, by=lab.ada)
    assert ApprovalLadder.objects.get().status == "approved"
    assert at.package_of(export).status == PackageStatus.READY
    assert export.execution.events.count() == before


def test_a_rejected_export_has_no_package(lab):
    from accounts.passwords import Authentication
    from approvals.transitions import reject_stage

    export = at.requested_export(lab)
    reject_stage(
        export.ladder.stages.get().pk,
        by=lab.lea,
        authentication=Authentication(method="password", at=timezone.now()),
        expected_digest=export.content_digest,
        notes="No",
    )
    assert not Package.objects.exists()
