"""Reads of packages: what operators see of the queue (the one that stands for an export: `queries.current_package`)."""

from django.db.models import Count, Max, Min, Q
from django.db.models.functions import Coalesce

from accounts.roles import is_operator
from experiments.models import Execution
from narratives.enums import PackageStatus
from narratives.models import Package

UNFINISHED = (PackageStatus.QUEUED, PackageStatus.PROCESSING, PackageStatus.RETRYING)
SHOWN = [status for status in PackageStatus if status != PackageStatus.SUPERSEDED]


def packages_for(user):
    """Packages a person may know of: operators all, others those of runs they see."""
    packages = Package.objects.all()
    if is_operator(user):
        return packages
    return packages.filter(export__execution__in=Execution.objects.visible_to(user))


def telemetry(packages, *, now):
    """How the queue stands, in one query; `oldest_queued_seconds` and `last_failure_at` may be None."""
    counted = packages.order_by().aggregate(
        **{status.value: Count("pk", filter=Q(status=status)) for status in SHOWN},
        oldest=Min("queued_at", filter=Q(status=PackageStatus.QUEUED)),
        last_failure_at=Max("failed_at"),
    )
    oldest = counted["oldest"]
    return {
        "queue": {
            "active": counted[PackageStatus.PROCESSING.value],
            "scheduled": counted[PackageStatus.RETRYING.value],
            "reserved": counted[PackageStatus.QUEUED.value],
        },
        "status_counts": {status.value: counted[status.value] for status in SHOWN},
        "oldest_queued_seconds": max(0, int((now - oldest).total_seconds())) if oldest else None,
        "last_failure_at": counted["last_failure_at"],
    }


def for_operators(*, status=""):
    """Packages with what the operations page shows of them."""
    packages = Package.objects.select_related("export__execution", "export__requested_by").defer("export__content")
    if status == "unfinished":
        return packages.filter(status__in=UNFINISHED)
    if status == "damaged":
        return packages.filter(pk__in=damaged())
    return packages.filter(status=status) if status in PackageStatus.values else packages


def read_again():
    """When the stored dossier that was read longest ago was read; None where there is none."""
    read_at = Min(Coalesce("checked_at", "packaged_at"))
    return Package.objects.filter(status=PackageStatus.READY).order_by().aggregate(read_at=read_at)["read_at"]


def damaged():
    """Packages whose stored file is not the one that was packaged."""
    return Package.objects.filter(status=PackageStatus.READY, integrity_failed_at__isnull=False)
