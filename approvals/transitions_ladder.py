"""Opening a ladder, and the moves of ladder and stage that every verb shares. All of it under the execution's lock."""

from approvals.blueprint_people import check_blueprint_people
from approvals.deadlines import forget_times, start_clock, stop_clock
from approvals.enums import LADDER_MOVES, STAGE_MOVES, LadderStatus, StageStatus
from approvals.models import ApprovalLadder, ApprovalStage
from approvals.notices import tell_outcome, tell_signers
from approvals.policies import person
from approvals.signals import ladder_closed
from experiments.events import Event
from experiments.transitions import admit
from governance.stage_rules import stage_rules
from ledger.canonical import canonical_text, rfc3339
from ledger.errors import TransitionDenied


def open_ladder(timeline, *, blueprint, subject, title, content_digest, by, uploaders=()):
    """Start the run of a LadderBlueprint over `subject` (JSON members, among them `kind`, `id`, `version`).

    `uploaders` are the people who brought the evidence; stages whose rules say so are not for them.
    Raises Invalid naming the stages whose people cannot sign. Answers the ApprovalLadder, its first stage in progress.
    """
    execution, now = timeline.execution, timeline.now
    people = check_blueprint_people(blueprint, team_id=execution.team_id, requester=by, now=now)
    ladder = ApprovalLadder.objects.create(
        execution=execution,
        title=title[:255],
        name=blueprint.name[:200],
        subject_text=canonical_text(subject),
        blueprint_text=blueprint.text(),
        blueprint_digest=blueprint.digest(),
        content_digest=content_digest,
        requested_by=by,
        created_at=now,
    )
    ladder.uploaders.set(uploaders)
    stages = ApprovalStage.objects.bulk_create(
        ApprovalStage(
            ladder=ladder,
            sequence_index=number,
            name=stage.name,
            required_role=stage.required_role,
            sla_hours=stage.sla_hours,
            assignee=people.get(stage.assignee_id),
            delegated_to=people.get(stage.delegate_id),
            excludes_uploaders=stage_rules(stage.metadata).exclude_uploaders,
            metadata=stage.metadata,
        )
        for number, stage in enumerate(blueprint.stages, 1)
    )
    for user in {each.pk: each for each in people.values()}.values():
        admit(timeline, reason="named on a ladder", user=user)
    for role in sorted({stage.required_role for stage in blueprint.stages}):
        admit(timeline, reason="may sign a stage", role=role)
    start_stage(timeline, stages[0], by=by)
    return ladder


def start_stage(timeline, stage, *, by):
    """The stage's turn: in progress with a fresh deadline, on the timeline, its signers told."""
    _put_in_progress(stage, timeline.now)
    timeline.record(
        Event.STAGE_STARTED,
        by=by,
        **stage_members(stage),
        assignee=person(stage.assignee),
        due_at=rfc3339(stage.due_at) if stage.due_at else None,
    )
    tell_signers(stage, now=timeline.now)


def reopen_stage(stage, *, now):
    """Back in progress with a fresh deadline; later stages wait again, and the ladder is in its next cycle."""
    later = stage.ladder.stages.filter(sequence_index__gt=stage.sequence_index)
    for each in later.exclude(status=StageStatus.PENDING):
        _move(each, StageStatus.PENDING)
        forget_times(each)
        each.claimed_by = each.claimed_at = None
        each.save()
    _put_in_progress(stage, now)
    ladder = stage.ladder
    if ladder.status != LadderStatus.PENDING:
        _move(ladder, LadderStatus.PENDING)
    ladder.closed_at = None
    ladder.cycle += 1
    ladder.save(update_fields=["status", "closed_at", "cycle"])


def decide_stage(stage, status, *, now):
    """Approved or rejected; a rejection sends the stages after it to `reset`."""
    _move(stage, status)
    stage.completed_at = now
    stop_clock(stage)
    stage.claimed_by = stage.claimed_at = None
    stage.save(update_fields=["status", "completed_at", "remind_at", "escalate_at", "claimed_by", "claimed_at"])
    if status == StageStatus.REJECTED:
        for later in stage.ladder.stages.filter(sequence_index__gt=stage.sequence_index):
            _move(later, StageStatus.RESET)
            later.save(update_fields=["status"])


def close_ladder(timeline, ladder, status, *, by, notes=""):
    """The ladder's outcome, announced upward inside the transaction."""
    _move(ladder, status)
    ladder.closed_at = timeline.now
    ladder.save(update_fields=["status", "closed_at"])
    if status == LadderStatus.APPROVED:
        timeline.record(
            Event.LADDER_FINALIZED,
            by=by,
            **subject_members(ladder),
            cycle=ladder.cycle,
            stage_count=ladder.stages.count(),
            content_digest=ladder.content_digest,
        )
    announce(timeline, ladder, by=by, notes=notes)


def announce(timeline, ladder, *, by, notes=""):
    """Tell the requester, then whoever builds on the outcome; a receiver may veto by raising."""
    tell_outcome(ladder, by=by, notes=notes)
    ladder_closed.send(sender=ApprovalLadder, ladder=ladder, timeline=timeline, by=by)


def subject_members(ladder):
    """The payload members that name what is signed."""
    subject = ladder.subject
    return {"export_id": subject["id"], "version": subject["version"]}


def stage_members(stage):
    """The payload members that name a stage."""
    return {
        **subject_members(stage.ladder),
        "stage_id": str(stage.pk),
        "sequence_index": stage.sequence_index,
        "stage_name": stage.name,
        "required_role": stage.required_role,
        "cycle": stage.ladder.cycle,
    }


def _put_in_progress(stage, now):
    _move(stage, StageStatus.IN_PROGRESS)
    stage.started_at = now
    stage.completed_at = None
    start_clock(stage, now=now)
    stage.save()


def _move(row, status):
    """The one place where a ladder or a stage changes its status, by the tables in `approvals.enums`."""
    moves = LADDER_MOVES if isinstance(row, ApprovalLadder) else STAGE_MOVES
    if status not in moves.get(row.status, ()):
        raise TransitionDenied(f"{row} cannot go from {row.status} to {status}.", code="unlawful_move")
    row.status = status
