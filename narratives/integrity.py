"""Stored dossiers are read again in turn, so that damage is found before somebody needs the file."""

import time
from contextlib import closing
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from narratives.dossier_storage import Missing, fingerprint, open_dossier
from narratives.enums import PackageStatus
from narratives.models import Package
from narratives.package_transitions import begin_check, clear_integrity_failure, report_integrity_failure

EVERY = timedelta(days=7)
SWEEP_SECONDS = 300  # far less than a job may take; the rest has its turn in the next sweep
MOST_IN_ONE_SWEEP = 1000


def sweep():
    """Read what was not read for a week, longest ago first, for some minutes; answers `(read, damaged)`."""
    give_up_at, found = time.monotonic() + SWEEP_SECONDS, []
    now = timezone.now()
    for package in due(now)[:MOST_IN_ONE_SWEEP]:
        if time.monotonic() > give_up_at:
            break
        if begin_check(package.pk, seen_at=package.checked_at, now=now):
            found.append(check(package))
    return len(found), found.count(False)


def due(now):
    """Ready dossiers whose turn it is."""
    unread = Q(checked_at__isnull=True) | Q(checked_at__lte=now - EVERY)
    ready = Package.objects.filter(unread, status=PackageStatus.READY)
    return ready.order_by(F("checked_at").asc(nulls_first=True), "pk")


def check(package):
    """Read one dossier from its first byte to its last; answers whether it is sound, and tells when it is not."""
    found = _found(package.storage_name)
    if found != package.checksum:
        report_integrity_failure(package.pk, found=found)
    elif package.integrity_failed_at is not None:
        clear_integrity_failure(package.pk)
    return found == package.checksum


def _found(name):
    try:
        with closing(open_dossier(name)) as dossier:
            return fingerprint(dossier)
    except Missing:
        return "missing"
