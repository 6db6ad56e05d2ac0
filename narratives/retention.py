"""Dossiers go when their time is over, and files that nothing names go too; records stay."""

import uuid

from django.utils import timezone

from accounts.models import User
from narratives import dossier_storage
from narratives.enums import PackageStatus
from narratives.models import Package
from narratives.package_transitions import LEASE, expire_package

MOST_IN_ONE_SWEEP = 1000


def sweep():
    """Expire what is due and not held, then tidy; safe to run twice. Answers `(expired, strays)`."""
    return expire_due(now=timezone.now()), remove_strays(now=timezone.now())


def expire_due(*, now):
    """Remove the dossiers whose retention ended; held exports never expire. Answers how many."""
    due = Package.objects.filter(
        status=PackageStatus.READY, export__retention_expires_at__lte=now, export__legal_hold=False
    )
    expired = 0
    for package_id in due.order_by("packaged_at").values_list("pk", flat=True)[:MOST_IN_ONE_SWEEP]:
        name = expire_package(package_id, by=User.objects.system())
        if name:
            # After the row says so: a kill in between leaves a file that the tidying finds.
            dossier_storage.remove(name)
            expired += 1
    return expired


def remove_strays(*, now):
    """Remove files that no ready package names and no living claim works on, older than two leases."""
    removed = 0
    for folder in dossier_storage.folders():
        try:
            package = Package.objects.filter(pk=uuid.UUID(folder)).first()
        except ValueError:
            continue
        # A database restored from an older copy does not know newer dossiers; they must not go for that.
        if package is None or (package.status == PackageStatus.PROCESSING and package.lease_until > now):
            continue
        keep_name = package.storage_name if package.status == PackageStatus.READY else None
        removed += dossier_storage.remove_strays(folder, keep_name=keep_name, older_than=2 * LEASE)
    return removed
