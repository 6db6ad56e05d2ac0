"""Whether a ladder's signatures hold, and whether its status follows from them."""

from accounts.models import RoleGrant
from approvals import signing
from approvals.duties import DECIDED, DECISIONS
from approvals.enums import ActionType, LadderStatus, StageStatus
from approvals.models import Signature
from approvals.queries import ladder_stages
from approvals.standing import standing_faults
from ledger.canonical import loads, sha256_text


def verify_ladder(ladder):
    """Sentences naming each row that does not fit; an empty list is a sound ladder.

    Every signature verifies over what it names and links to the one before; every decision is signed once; each
    stage's status is its newest decision, made since the stage was last opened; approved ⇔ every stage approved, by
    distinct people who held the role, none of them the requester (where separation of duties was on). Who signed as
    assignee, delegate or stand-in was that (`approvals.standing`).
    """
    stages = ladder_stages(ladder)
    signatures = list(
        Signature.objects.filter(ladder=ladder).select_related("action__stage__ladder", "ladder").order_by("sequence")
    )
    in_force = {stage.pk: _in_force(stage) for stage in stages}
    faults = [] if sha256_text(ladder.blueprint_text) == ladder.blueprint_digest else ["its blueprint was changed"]
    faults += _chain_faults(signatures)
    faults += _unsigned(stages)
    for stage in stages:
        faults += _stage_faults(stage, in_force[stage.pk], stages)
    faults += _outcome_faults(ladder, stages)
    faults += _people_faults(ladder, stages, in_force)
    faults += standing_faults(ladder, stages)
    return [f"Ladder {ladder.pk}: {fault}" for fault in faults]


def _chain_faults(signatures):
    faults, previous = [], ""
    for position, signature in enumerate(signatures, 1):
        reason = None
        if signature.sequence != position:
            reason = f"sequence is {signature.sequence}, {position} expected"
        elif signature.previous_digest != previous:
            reason = "it does not link to the signature before"
        reason = reason or signing.verify(signature)
        if reason:
            faults.append(f"signature {signature.sequence} of {signature.signer_name}: {reason}")
        previous = signature.digest
    return faults


def _unsigned(stages):
    return [
        f"{stage}: the decision of {action.actor_name} has no signature"
        for stage in stages
        for action in stage.actions.all()
        if action.action_type in DECISIONS and not hasattr(action, "signature")
    ]


def _in_force(stage):
    decisions = [action for action in stage.actions.all() if action.action_type in DECISIONS]
    return max(decisions, key=lambda action: action.cycle) if decisions and stage.status in DECIDED else None


def _opened_in(stage, stages):
    """The cycle a stage was last opened in: that of the newest reset of it or of a stage before it."""
    resets = [
        action.cycle
        for each in stages
        if each.sequence_index <= stage.sequence_index
        for action in each.actions.all()
        if action.action_type == ActionType.RESET
    ]
    return max(resets, default=1)


def _stage_faults(stage, decision, stages):
    if stage.status in DECIDED and decision is None:
        return [f"{stage} is {stage.status} without a decision"]
    if decision and decision.action_type != stage.status:
        return [f"{stage} is {stage.status} but {decision.actor_name} {decision.action_type} it"]
    if decision and decision.cycle < _opened_in(stage, stages):
        return [f"{stage}: the decision of {decision.actor_name} was superseded by a reset"]
    if stage.status not in DECIDED:
        opened = _opened_in(stage, stages)
        ignored = [a for a in stage.actions.all() if a.action_type in DECISIONS and a.cycle >= opened]
        return [f"{stage} is {stage.status} although {a.actor_name} {a.action_type} it" for a in ignored]
    return []


def _outcome_faults(ladder, stages):
    statuses = [stage.status for stage in stages]
    if statuses.count(StageStatus.IN_PROGRESS) > 1:
        return ["more than one stage is in progress"]
    if all(status == StageStatus.APPROVED for status in statuses):
        due = LadderStatus.APPROVED
    elif StageStatus.REJECTED in statuses:
        due = LadderStatus.REJECTED
    else:
        due = LadderStatus.PENDING
    if ladder.status != due:
        return [f"it is {ladder.status} where its stages say {due}"]
    if due == LadderStatus.PENDING and StageStatus.IN_PROGRESS not in statuses:
        return ["it is pending and no stage is in progress"]
    return []


def _people_faults(ladder, stages, in_force):
    faults, seen = [], {}
    for stage in stages:
        decision = in_force[stage.pk]
        if decision is None or not hasattr(decision, "signature"):
            continue
        if loads(decision.signature.statement).get("separation_of_duties"):
            if decision.actor_id == ladder.requested_by_id:
                faults.append(f"{stage} was signed by {decision.actor_name}, who requested it")
            if decision.actor_id in seen:
                faults.append(f"{stage} and {seen[decision.actor_id]} were both signed by {decision.actor_name}")
        seen[decision.actor_id] = stage
        if not _held_role(decision, stage, ladder):
            faults.append(f"{decision.actor_name} did not hold the role {stage.required_role} when signing {stage}")
    return faults


def _held_role(decision, stage, ladder):
    """Whether a grant covered the moment of signing; grants are revoked, never deleted."""
    at = decision.created_at
    grants = RoleGrant.objects.filter(user=decision.actor_id, role=stage.required_role)
    return any(
        grant.team_id in (None, ladder.execution.team_id)
        and (grant.revoked_at is None or grant.revoked_at > at)
        and (grant.valid_until is None or grant.valid_until > at)
        for grant in grants
    )
