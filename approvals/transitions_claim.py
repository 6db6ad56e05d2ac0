"""Claiming a stage that names nobody, and giving it back. A claim keeps two people from reading the same record."""

from approvals.enums import ActionType, ClaimStep
from approvals.notices import tell_claim_taken
from approvals.policies import check_can_claim, check_can_release, person
from approvals.transitions import Text, act, locked_stage
from approvals.transitions_ladder import stage_members
from experiments.events import Event


def claim_stage(stage_id, *, by, take_over=True):
    """Say that one is at it; others have to take the stage over before they sign.

    A stage somebody else claimed is taken over, and they are told; without `take_over` the second loses.
    Raises NotAllowed, TransitionDenied, ApprovalStage.DoesNotExist. Answers the ApprovalStage.
    """
    with locked_stage(stage_id, by) as (timeline, stage, actor):
        check_can_claim(actor, stage, now=timeline.now, take_over=take_over)
        before = stage.claimed_by
        stage.claimed_by, stage.claimed_at = actor, timeline.now
        stage.save(update_fields=["claimed_by", "claimed_at"])
        step = ClaimStep.TAKEN_OVER if before else ClaimStep.CLAIMED
        act(timeline, stage, actor, ActionType.COMMENT, Text("", "", {"claim": str(step)}))
        timeline.record(
            Event.STAGE_CLAIMED,
            by=actor,
            **stage_members(stage),
            claimed_by=person(actor),
            taken_from=person(before),
        )
        if before:
            tell_claim_taken(stage, before, by=actor)
    return stage


def release_stage(stage_id, *, by):
    """Give a claimed stage back to everybody who could sign it. Raises and answers as `claim_stage`."""
    with locked_stage(stage_id, by) as (timeline, stage, actor):
        check_can_release(actor, stage)
        before = stage.claimed_by
        stage.claimed_by = stage.claimed_at = None
        stage.save(update_fields=["claimed_by", "claimed_at"])
        act(timeline, stage, actor, ActionType.COMMENT, Text("", "", {"claim": str(ClaimStep.RELEASED)}))
        timeline.record(
            Event.STAGE_RELEASED,
            by=actor,
            **stage_members(stage),
            claimed_by=person(before),
            released_by=person(actor),
        )
        if before.pk != actor.pk:
            tell_claim_taken(stage, before, by=actor)
    return stage
