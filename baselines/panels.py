"""What baselines show on the pages of a run and of a protocol (docs/adr/0007)."""

from baselines.following import following
from baselines.models import Baseline
from baselines.queries import current_baseline, current_seen, sees, versions_of
from experiments.enums import ExecutionStatus

VERSIONS_SHOWN = 5
DIFFERENCES_SHOWN = 20


def following_of(execution, viewer):
    """Whether the run follows its protocol's current baseline: None where there is none or the viewer sees none."""
    baseline = current_seen(Baseline.objects.visible_to(viewer), execution.protocol_id)
    if baseline is None:
        return None
    found = following(execution, baseline)
    return {
        "baseline": baseline,
        "own": baseline.execution_id == execution.pk,
        "so_far": execution.status != ExecutionStatus.COMPLETED,
        "followed": found.followed,
        "differences": found.differences[:DIFFERENCES_SHOWN],
        "more": max(0, len(found.differences) - DIFFERENCES_SHOWN),
    }


def execution_panel(execution, viewer):
    """For the aside of a run."""
    found = following_of(execution, viewer)
    return found and {"following": found, "execution": execution}


def protocol_panel(protocol, viewer):
    """For the aside of a protocol: the current baseline and the newest versions the viewer sees."""
    seen = list(versions_of(protocol.pk).visible_to(viewer).filter(is_current=False)[: VERSIONS_SHOWN + 1])
    current = current_baseline(protocol.pk)
    return {
        "protocol": protocol,
        "current": current,
        "sees_current": sees(viewer, current),
        "versions": seen[:VERSIONS_SHOWN],
        "more": len(seen) > VERSIONS_SHOWN,
    }
