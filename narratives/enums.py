from django.db import models


class PackageStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    PROCESSING = "processing", "Packaging"
    RETRYING = "retrying", "Retrying"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    SUPERSEDED = "superseded", "Superseded"


PACKAGE_MOVES = {
    # A claim; an expired lease is claimed again from processing.
    PackageStatus.QUEUED: {PackageStatus.PROCESSING, PackageStatus.SUPERSEDED, PackageStatus.FAILED},
    PackageStatus.PROCESSING: {
        PackageStatus.PROCESSING,
        PackageStatus.READY,
        PackageStatus.RETRYING,
        PackageStatus.FAILED,
        PackageStatus.SUPERSEDED,
    },
    PackageStatus.RETRYING: {PackageStatus.PROCESSING, PackageStatus.FAILED, PackageStatus.SUPERSEDED},
    PackageStatus.FAILED: {PackageStatus.QUEUED, PackageStatus.SUPERSEDED},
    PackageStatus.READY: {PackageStatus.EXPIRED},
    PackageStatus.EXPIRED: set(),
    PackageStatus.SUPERSEDED: set(),
}
