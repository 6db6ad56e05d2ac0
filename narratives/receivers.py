"""What follows when a ladder closes or is reopened; called inside the transaction that holds the lock."""

from approvals.enums import LadderStatus
from approvals.signals import ladder_closed
from narratives.models import NarrativeExport
from narratives.package_transitions import queue_package, supersede_package


def connect():
    """Called once, when the app is ready."""
    ladder_closed.connect(on_ladder_closed, dispatch_uid="narratives.packaging")


def on_ladder_closed(sender, *, ladder, timeline, by, **_):
    """Approved: queue the packaging. Reopened: the package stands for nothing, or the reopening is refused."""
    export = NarrativeExport.objects.filter(ladder=ladder).defer("content").first()
    if export is None:
        return
    if ladder.status == LadderStatus.APPROVED:
        queue_package(timeline, export, cycle=ladder.cycle, by=by)
    elif ladder.status == LadderStatus.PENDING:
        supersede_package(export, cycle=ladder.cycle)
