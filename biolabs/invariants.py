"""What must hold after everything (docs/compliance.md): each broken one as a sentence that names its row."""

import hashlib

from approvals.enums import LadderStatus, StageStatus
from approvals.models import ApprovalLadder
from approvals.verification import verify_ladder
from baselines.verification import verify_baselines
from evidence.models import FrozenEvidence
from evidence.reading import frozen_chunks
from experiments.events import Event
from experiments.models import ExecutionEvent
from ledger.canonical import sha256_text
from ledger.snapshot import one_moment
from narratives.digest import statement_of
from narratives.dossier_storage import Missing, fingerprint, open_dossier
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport, Package

STEP = 100  # rows in memory at a time


def faults():
    """Walk every ladder, export, baseline, piece of evidence and dossier; files are read in a stream.

    The portal may go on working meanwhile: the rows are read as of one moment.
    """
    with one_moment():
        yield from _ladders()
        yield from _exports()
        yield from _announcements()
        yield from verify_baselines()
    yield from _evidence()
    yield from _dossiers()


def _ladders():
    for ladder in ApprovalLadder.objects.select_related("execution__protocol").order_by("pk").iterator(STEP):
        yield from verify_ladder(ladder)
        open_stages = ladder.stages.filter(status=StageStatus.IN_PROGRESS).count()
        if open_stages != (ladder.status == LadderStatus.PENDING):
            yield f"Ladder {ladder.pk}: is {ladder.status} with {open_stages} stages in progress"


def _exports():
    for export in NarrativeExport.objects.select_related("ladder").order_by("pk").iterator(STEP):
        if sha256_text(export.content) != export.content_sha256:
            yield f"Export {export.pk}: the narrative is not the one that was frozen"
        if sha256_text(statement_of(export)) != export.content_digest:
            yield f"Export {export.pk}: the digest does not cover its narrative, evidence and ladder"
        if export.ladder.content_digest != export.content_digest:
            yield f"Export {export.pk}: its ladder signs another digest"


def _evidence():
    for frozen in FrozenEvidence.objects.select_related("file").order_by("pk").iterator(STEP):
        try:
            total, size = hashlib.sha256(), 0
            for chunk in frozen_chunks(frozen):
                total.update(chunk)
                size += len(chunk)
        except Exception as error:  # noqa: BLE001 whatever the storage raises is the finding
            yield f"Evidence {frozen.pk}: cannot be read ({error})"
            continue
        if (total.hexdigest(), size) != (frozen.sha256, frozen.size):
            yield f"Evidence {frozen.pk}: the bytes differ from those that were frozen"


def _dossiers():
    ready = Package.objects.filter(status=PackageStatus.READY)
    for package in ready.order_by("pk").iterator(STEP):
        fault = _dossier_fault(package)
        if fault and ready.filter(pk=package.pk).exists():  # it may have expired since
            yield f"Package {package.pk}: {fault}"


def _dossier_fault(package):
    try:
        dossier = open_dossier(package.storage_name)
    except Missing as error:
        return f"the dossier is missing ({error})"
    try:
        return None if fingerprint(dossier) == package.checksum else "the dossier does not have its checksum"
    finally:
        dossier.close()


def _announcements():
    packaged = Package.objects.filter(status__in=[PackageStatus.READY, PackageStatus.EXPIRED]).select_related("export")
    for package in packaged.order_by("pk").iterator(STEP):
        events = ExecutionEvent.objects.filter(
            execution_id=package.export.execution_id, event_type=Event.PACKAGE_READY
        ).iterator(STEP)
        about = [
            e for e in events if (e.payload["export_id"], e.payload["cycle"]) == (str(package.export_id), package.cycle)
        ]
        if len(about) != 1:
            yield f"Package {package.pk}: {len(about)} ready events, 1 expected"
