"""Finds stages in progress that somebody has to hear about, and lets `transitions_sla` do it, one stage at a time.

Only identifiers are read, a batch at a time, along indexes of what is due: the other stages cost nothing. Several
monitors at once, and one that was killed, do no harm: each verb compares under the lock.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from django.utils import timezone

from accounts.models import User
from approvals.enums import StageStatus
from approvals.models import ApprovalStage
from approvals.transitions_sla import escalate_stage, flag_overdue, remind_stage

logger = logging.getLogger(__name__)

BATCH = 500
MOST_IN_ONE_SWEEP = 1000  # the rest is a minute away; one sweep must not outlast the queue's patience


@dataclass(frozen=True)
class Watch:
    """Stages whose `moment` has come, and the verb for each."""

    name: str
    moment: str
    verb: Callable
    where: dict = field(default_factory=dict)


# Only stages in progress have `remind_at` and `escalate_at`; naming the status would lead SQLite past their indexes.
WATCHES = (
    Watch("reminded", "remind_at", remind_stage),
    Watch("overdue", "due_at", flag_overdue, {"status": StageStatus.IN_PROGRESS, "overdue_notified_at": None}),
    Watch("escalated", "escalate_at", escalate_stage),
)


def sweep():
    """Everything that is due now, up to MOST_IN_ONE_SWEEP stages; answers what was done, failed and left."""
    now, system = timezone.now(), User.objects.system()
    told = dict.fromkeys((watch.name for watch in WATCHES), 0) | {"failed": 0, "left": False}
    for watch in WATCHES:
        for stage_id in due(watch, now):
            if sum(told[each.name] for each in WATCHES) >= MOST_IN_ONE_SWEEP:
                told["left"] = True
                return told
            try:
                told[watch.name] += watch.verb(stage_id, by=system)
            except Exception:  # one broken stage must not hide the others
                logger.exception("The monitor could not look after stage %s", stage_id)
                told["failed"] += 1
    return told


def due(watch, now):
    """Ids of the stages a watch has to do with, longest due first; BATCH rows in memory."""
    rows = ApprovalStage.objects.filter(**watch.where, **{f"{watch.moment}__lte": now}).order_by(watch.moment, "id")
    rows, page = rows.values_list(watch.moment, "id"), None
    while page is None or len(page) == BATCH:
        ahead = rows
        if page:
            moment, pk = page[-1]
            ahead = rows.filter(**{f"{watch.moment}__gte": moment}).exclude(**{watch.moment: moment, "id__lte": pk})
        page = list(ahead[:BATCH])
        yield from (pk for _, pk in page)
