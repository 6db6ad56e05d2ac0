"""Every write to a package: queue, claim, renew, complete, fail, retry, supersede, expire (reliability.md)."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django_q.tasks import async_task

from accounts.models import User
from accounts.notify import notify, operators
from accounts.roles import is_operator
from accounts.webhooks import tell
from approvals.enums import LadderStatus
from experiments.events import Event
from experiments.timeline import locked_timeline
from ledger.canonical import rfc3339
from ledger.errors import Invalid, NotAllowed, TransitionDenied
from narratives.enums import PACKAGE_MOVES, PackageStatus
from narratives.models import NarrativeExport, Package
from portal.text import clean_text

TASK = "narratives.tasks.package_export"
LEASE = timedelta(seconds=90)
REQUEUE_AFTER = timedelta(minutes=5)
LONGEST_REASON = 2000


class ClaimLost(Exception):
    """The package belongs to another worker, or to nobody, now; this one stops and changes nothing."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a package; valid while the row's fence is this one's."""

    package_id: object
    export_id: object
    execution_id: object
    fence: int
    attempt: int


@dataclass(frozen=True)
class Built:
    """A dossier that lies in the storage, read back and verified."""

    storage_name: str
    checksum: str
    manifest_digest: str
    size: int
    file_count: int


def queue_package(timeline, export, *, cycle, by):
    """The package of a ladder's approved cycle, its event and its job, in the caller's transaction."""
    package = Package.objects.create(export=export, cycle=cycle, queued_at=timeline.now, created_at=timeline.now)
    timeline.record(Event.PACKAGE_QUEUED, by=by, **_named(package, export))
    async_task(TASK, str(package.pk))
    return package


def supersede_package(export, *, cycle):
    """A reopened ladder's package stands for nothing. Raises TransitionDenied once the dossier is ready."""
    for package in Package.objects.filter(export=export, cycle__lt=cycle).exclude(status=PackageStatus.SUPERSEDED):
        if PackageStatus.SUPERSEDED not in PACKAGE_MOVES[package.status]:
            raise TransitionDenied(
                f"The dossier of version {export.version} is {package.get_status_display().lower()}: "
                "what was signed and packaged cannot be reopened. Request a new version instead.",
                code="artifact_ready",
            )
        # The next fence, so that a worker in the middle of it stops.
        Package.objects.filter(pk=package.pk).update(
            status=PackageStatus.SUPERSEDED, fence=F("fence") + 1, owner="", lease_until=None, next_attempt_at=None
        )


def claim_package(package_id, *, owner):
    """Take a package to work on, counting the attempt; None when there is nothing to do.

    Past `PACKAGING_MAX_ATTEMPTS` claims the package is dead-lettered instead.
    """
    execution_id = Package.objects.filter(pk=package_id).values_list("export__execution_id", flat=True).first()
    if execution_id is None:
        return None
    with locked_timeline(execution_id) as timeline:
        package = Package.objects.select_related("export__ladder", "export__requested_by").get(pk=package_id)
        if not _is_claimable(package, timeline.now):
            return None
        if package.attempts >= settings.PACKAGING_MAX_ATTEMPTS:
            reason = package.error or "The worker stopped in the middle of every attempt."
            _dead_letter(timeline, package, reason=reason, fence=package.fence)
            return None
        claimed = Package.objects.filter(pk=package.pk, fence=package.fence, status=package.status).update(
            status=PackageStatus.PROCESSING,
            fence=package.fence + 1,
            owner=owner[:100],
            attempts=package.attempts + 1,
            lease_until=timeline.now + LEASE,
            next_attempt_at=None,
            files_done=0,
            bytes_done=0,
        )
        if not claimed:
            return None
        attempt = package.attempts + 1
        timeline.record(
            Event.PACKAGE_STARTED,
            by=User.objects.system(),
            attempt=attempt,
            **_named(package, package.export),
        )
    return Claim(package.pk, package.export_id, execution_id, package.fence + 1, attempt)


def _is_claimable(package, now):
    ladder = package.export.ladder
    if ladder.status != LadderStatus.APPROVED or ladder.cycle != package.cycle:
        return False  # never packaged before, or instead of, its own approval
    if package.status == PackageStatus.QUEUED:
        return True
    if package.status == PackageStatus.RETRYING:
        return package.next_attempt_at <= now
    return package.status == PackageStatus.PROCESSING and package.lease_until < now


def renew_claim(claim, **progress):
    """Hold the lease longer and note the progress. Raises ClaimLost when the package is no longer this claim's."""
    if not _held(claim).update(lease_until=timezone.now() + LEASE, **progress):
        raise ClaimLost(f"package {claim.package_id} is no longer held by fence {claim.fence}")


def _held(claim):
    return Package.objects.filter(pk=claim.package_id, fence=claim.fence, status=PackageStatus.PROCESSING)


def complete_package(claim, built):
    """The dossier is ready: row, retention, event and notice in one transaction. Raises ClaimLost for a late worker."""
    with locked_timeline(claim.execution_id) as timeline:
        held = _held(claim).update(
            status=PackageStatus.READY,
            storage_name=built.storage_name,
            checksum=built.checksum,
            manifest_digest=built.manifest_digest,
            size=built.size,
            packaged_at=timeline.now,
            checked_at=timeline.now,
            files_done=F("files_total"),
            bytes_done=F("bytes_total"),
            owner="",
            lease_until=None,
            error="",
            failed_at=None,
        )
        if not held:
            raise ClaimLost(f"package {claim.package_id} is no longer held by fence {claim.fence}")
        people_and_run = "export__requested_by", "export__execution__protocol"
        package = Package.objects.select_related(*people_and_run).get(pk=claim.package_id)
        export = package.export
        NarrativeExport.objects.filter(pk=export.pk).update(
            retention_expires_at=timeline.now + timedelta(days=settings.RETENTION_DAYS), updated_at=timeline.now
        )
        timeline.record(
            Event.PACKAGE_READY,
            by=User.objects.system(),
            attempt=claim.attempt,
            checksum=built.checksum,
            manifest_digest=built.manifest_digest,
            size=built.size,
            file_count=built.file_count,
            **_named(package, export),
        )
        _tell_ready(package, export)


def _tell_ready(package, export):
    """The requester, and other systems: identifiers, the title and the checksum, nothing that people wrote."""
    path = reverse("export", kwargs={"pk": export.pk})
    notify([export.requested_by], kind="dossier_ready", title=f"The dossier of {export} is ready", url=path)
    facts = {"execution_id": str(export.execution_id), "title": str(export), "checksum": package.checksum}
    tell("dossier_ready", _named(package, export) | facts | {"path": path}, team_id=export.execution.team_id)


def fail_attempt(claim, reason):
    """Note why an attempt failed; try again later, or give up after the limit. Raises ClaimLost for a late worker."""
    with locked_timeline(claim.execution_id) as timeline:
        package = _held(claim).select_related("export__requested_by", "export__execution").first()
        if package is None:
            raise ClaimLost(f"package {claim.package_id} is no longer held by fence {claim.fence}")
        reason = _sentence(reason)
        if claim.attempt >= settings.PACKAGING_MAX_ATTEMPTS:
            _dead_letter(timeline, package, reason=reason, fence=claim.fence)
            return
        next_attempt_at = timeline.now + back_off(claim.attempt)
        _held(claim).update(
            status=PackageStatus.RETRYING,
            error=reason,
            next_attempt_at=next_attempt_at,
            owner="",
            lease_until=None,
        )
        timeline.record(
            Event.PACKAGE_RETRYING,
            by=User.objects.system(),
            attempt=claim.attempt,
            reason=reason,
            next_attempt_at=rfc3339(next_attempt_at),
            **_named(package, package.export),
        )


def back_off(attempt):
    """How long to wait after the attempt with this number: 15 s, 30 s, 1 min … at most 15 min."""
    return timedelta(seconds=min(15 * 2 ** (attempt - 1), 900))


def _dead_letter(timeline, package, *, reason, fence):
    export, reason = package.export, _sentence(reason)
    Package.objects.filter(pk=package.pk, fence=fence).update(
        status=PackageStatus.FAILED,
        fence=fence + 1,
        error=reason,
        failed_at=timeline.now,
        owner="",
        lease_until=None,
        next_attempt_at=None,
    )
    timeline.record(
        Event.PACKAGE_FAILED,
        by=User.objects.system(),
        attempt=package.attempts,
        reason=reason,
        **_named(package, export),
    )
    notify(
        [*operators(now=timeline.now), export.requested_by],
        kind="packaging_failed",
        title=f"Packaging {export} failed",
        body=reason,
        url=reverse("export", kwargs={"pk": export.pk}),
    )


def retry_package(package_id, *, by):
    """An operator sends a failed package back to the queue with all its attempts. Raises Package.DoesNotExist."""
    if not is_operator(by):
        raise NotAllowed("Only an operator may try packaging again.")
    execution_id = Package.objects.values_list("export__execution_id", flat=True).get(pk=package_id)
    with locked_timeline(execution_id) as timeline:
        package = Package.objects.select_related("export").get(pk=package_id)
        if package.status != PackageStatus.FAILED:
            raise TransitionDenied(
                f"This package is {package.get_status_display().lower()}; only a failed one can be tried again."
            )
        Package.objects.filter(pk=package.pk).update(
            status=PackageStatus.QUEUED, attempts=0, queued_at=timeline.now, next_attempt_at=None, failed_at=None
        )
        timeline.record(Event.PACKAGE_QUEUED, by=by, **_named(package, package.export))
        async_task(TASK, str(package.pk))


def requeue_left_behind(package, *, now):
    """Put a package's job into the queue again, once however many sweeps see it; answers whether this one did."""
    # Three states, two columns: a retry's due time must stay, so there `queued_at` says when it was enqueued.
    waiting = package.status == PackageStatus.RETRYING
    mark = {"queued_at": now} if waiting else {"next_attempt_at": now + REQUEUE_AFTER}
    with transaction.atomic():
        same = {name: getattr(package, name) for name in ("fence", "status", "queued_at", "next_attempt_at")}
        if not Package.objects.filter(pk=package.pk, **same).update(**mark):
            return False
        async_task(TASK, str(package.pk))
    return True


def left_behind(now):
    """Packages whose job was lost, whose worker died, or whose next attempt is due."""
    enqueued_long_ago = Q(queued_at__lte=now - REQUEUE_AFTER)
    unmarked_or_due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    return Package.objects.filter(
        Q(status=PackageStatus.QUEUED) & enqueued_long_ago & unmarked_or_due
        | Q(status=PackageStatus.PROCESSING, lease_until__lt=now) & unmarked_or_due
        | Q(status=PackageStatus.RETRYING, next_attempt_at__lte=now)
        & (Q(queued_at__lte=F("next_attempt_at")) | enqueued_long_ago)
    ).order_by("queued_at", "id")


def expire_package(package_id, *, by):
    """Retention ended: the dossier is no longer there. Answers its storage name, or None when it must stay."""
    execution_id = Package.objects.values_list("export__execution_id", flat=True).get(pk=package_id)
    with locked_timeline(execution_id) as timeline:
        package = Package.objects.select_related("export").get(pk=package_id)
        export = package.export
        due = export.retention_expires_at is not None and export.retention_expires_at <= timeline.now
        if package.status != PackageStatus.READY or export.legal_hold or not due:
            return None
        Package.objects.filter(pk=package.pk).update(status=PackageStatus.EXPIRED)
        NarrativeExport.objects.filter(pk=export.pk).update(retired_at=timeline.now, updated_at=timeline.now)
        timeline.record(
            Event.PACKAGE_EXPIRED,
            by=by,
            checksum=package.checksum,
            retention_expired_at=rfc3339(export.retention_expires_at),
            **_named(package, export),
        )
    return package.storage_name


def report_integrity_failure(package_id, *, found):
    """One event and one notice to operators for a dossier that is not what was packaged; repeats are silent."""
    execution_id = Package.objects.values_list("export__execution_id", flat=True).get(pk=package_id)
    with locked_timeline(execution_id) as timeline:
        package = Package.objects.select_related("export__execution").get(pk=package_id)
        if package.integrity_failed_at is not None or package.status != PackageStatus.READY:
            return False
        Package.objects.filter(pk=package.pk).update(integrity_failed_at=timeline.now)
        timeline.record(
            Event.PACKAGE_INTEGRITY_FAILED,
            by=User.objects.system(),
            expected=package.checksum,
            found=found,
            **_named(package, package.export),
        )
        notify(
            operators(now=timeline.now),
            kind="integrity_failed",
            title=f"The dossier of {package.export} was damaged",
            body="Its checksum no longer fits, so it is not served. Restore the file; it is served again once it fits.",
            url=reverse("operations"),
        )
    return True


def begin_check(package_id, *, seen_at, now):
    """Take a ready dossier's turn to be read again, once however many sweeps see it; answers whether this one did."""
    # Before the reading: one that cannot be read to its end must not keep the others waiting.
    same = Package.objects.filter(pk=package_id, status=PackageStatus.READY, checked_at=seen_at)
    return same.update(checked_at=now) == 1


def clear_integrity_failure(package_id):
    """The dossier was repaired: the next damage is reported again."""
    execution_id = Package.objects.values_list("export__execution_id", flat=True).get(pk=package_id)
    with locked_timeline(execution_id):
        Package.objects.filter(pk=package_id).update(integrity_failed_at=None)


def set_legal_hold(export_id, *, by, held, reason):
    """Place or release a legal hold. Raises NotAllowed, Invalid without a reason, TransitionDenied when it is so."""
    if not by.is_admin:
        raise NotAllowed("Only an administrator may place or release a legal hold.")
    reason = clean_text(reason, "reason", LONGEST_REASON)
    if not isinstance(held, bool):
        raise Invalid.field("held", "This must be true or false.", "invalid")
    execution_id = NarrativeExport.objects.values_list("execution_id", flat=True).get(pk=export_id)
    with locked_timeline(execution_id) as timeline:
        export = NarrativeExport.objects.get(pk=export_id)
        if export.legal_hold == held:
            raise TransitionDenied("This export is held already." if held else "This export is not held.")
        NarrativeExport.objects.filter(pk=export.pk).update(
            legal_hold=held, legal_hold_reason=reason if held else "", updated_at=timeline.now
        )
        event = Event.LEGAL_HOLD_SET if held else Event.LEGAL_HOLD_RELEASED
        timeline.record(event, by=by, export_id=str(export.pk), version=export.version, reason=reason)


def _named(package, export):
    return {"export_id": str(export.pk), "version": export.version, "cycle": package.cycle}


def _sentence(reason):
    # Whatever an exception said must fit the event's canonical text.
    text = str(reason).replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return text[:LONGEST_REASON]
