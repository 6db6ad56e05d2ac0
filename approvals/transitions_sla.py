"""What the monitor writes: reminders, overdue stages, escalations. Each once, whoever else watches at the same time.

One stage is one transaction: lock, refresh, still due?, change, record, tell. Each verb answers whether it did it.
"""

from contextlib import contextmanager

from accounts.enums import MembershipRole
from accounts.models import User
from approvals.calendars import calendar_of
from approvals.deadlines import escalation_due
from approvals.enums import ActionType, StageStatus
from approvals.models import ApprovalStage
from approvals.notices import tell_escalated, tell_overdue, tell_reminder
from approvals.policies import is_overdue, person, team_of
from approvals.transitions import Text, act
from approvals.transitions_ladder import stage_members
from experiments.events import Event
from experiments.timeline import locked_timeline
from experiments.transitions import admit
from governance.stage_rules import TEAM_OWNERS, stage_rules
from ledger.canonical import rfc3339

SEVERAL = 5


def remind_stage(stage_id, *, by):
    """Tell who can sign that the stage is due soon, unless it is overdue by now.

    `by` is the system user. Raises ApprovalStage.DoesNotExist. Both here as below.
    """
    with _watched(stage_id) as (timeline, stage):
        if not _is_due(stage, stage.remind_at, timeline.now):
            return False
        stage.remind_at = None
        stage.save(update_fields=["remind_at"])
        if not is_overdue(stage, now=timeline.now):
            tell_reminder(stage, now=timeline.now)
    return True


def flag_overdue(stage_id, *, by):
    """Record that the deadline has passed; who can sign and the requester are told."""
    with _watched(stage_id) as (timeline, stage):
        if stage.overdue_notified_at is not None or not is_overdue(stage, now=timeline.now):
            return False
        stage.overdue_notified_at = timeline.now
        if stage.escalate_at is None and not stage.escalation_step and stage_rules(stage.metadata).escalation:
            # It started before stages had escalations.
            stage.escalate_at = escalation_due(stage, calendar_of(team_of(stage)))
        stage.save(update_fields=["overdue_notified_at", "escalate_at"])
        timeline.record(Event.STAGE_OVERDUE, by=by, **stage_members(stage), due_at=rfc3339(stage.due_at))
        tell_overdue(stage, now=timeline.now)
    return True


def escalate_stage(stage_id, *, by):
    """Climb the next rung: the person it names, or the team's owners, are told and see the run from now on."""
    with _watched(stage_id) as (timeline, stage):
        if not _is_due(stage, stage.escalate_at, timeline.now):
            return False
        rungs = stage_rules(stage.metadata).escalation
        if stage.escalation_step >= len(rungs):
            stage.escalate_at = None
            stage.save(update_fields=["escalate_at"])
            return False
        rung = rungs[stage.escalation_step]
        people, reason = _people_of(rung, timeline.execution)
        stage.escalation_step += 1
        stage.escalate_at = escalation_due(stage, calendar_of(team_of(stage)))
        stage.save(update_fields=["escalation_step", "escalate_at"])
        _record(timeline, stage, rung, people, f"{_step(stage, rungs)} {reason}", by=by)
        for user in people:
            if str(user.pk) == rung.to:  # owners and administrators see the run as long as they are that
                admit(timeline, reason="escalation of a stage", user=user)
        tell_escalated(stage, people, reason=reason, now=timeline.now)
    return True


@contextmanager
def _watched(stage_id):
    """The timeline held and the stage fresh under the lock."""
    stages = ApprovalStage.objects.filter(pk=stage_id)
    execution_id = stages.values_list("ladder__execution_id", flat=True).get()
    with locked_timeline(execution_id) as timeline:
        stage = stages.select_related("ladder__requested_by", "assignee", "delegated_to").get()
        stage.ladder.execution = timeline.execution
        yield timeline, stage


def _is_due(stage, moment, now):
    return stage.status == StageStatus.IN_PROGRESS and moment is not None and moment <= now


def _record(timeline, stage, rung, people, notes, *, by):
    told = [person(user) for user in people]
    metadata = {"rung": stage.escalation_step, "after_hours": rung.after_hours, "to": rung.to, "told": told}
    act(timeline, stage, by, ActionType.ESCALATED, Text(notes, "", metadata))
    timeline.record(
        Event.STAGE_ESCALATED,
        by=by,
        **stage_members(stage),
        due_at=rfc3339(stage.due_at),
        rung=stage.escalation_step,
        escalated_to=told,
        notes=notes,
    )


def _people_of(rung, execution):
    """Whom a rung tells, and a sentence that says why them. Never nobody, while there is an administrator."""
    if rung.to == TEAM_OWNERS:
        return _owners(execution)
    named = User.objects.people().filter(pk=rung.to).first()
    if named is not None and named.is_active:
        return [named], f"{named.printed_name} is told."
    people, reason = _owners(execution)
    gone = f"{named.printed_name} is deactivated" if named else "The person it names is not known"
    return people, f"{gone}. {reason}"


def _owners(execution):
    team = execution.protocol.team
    owners = (
        User.objects.active().filter(memberships__team=team, memberships__role=MembershipRole.OWNER) if team else []
    )
    if owners := list(owners):
        return owners, f"The owners of {team} are told: {_names(owners)}."
    administrators = list(User.objects.active().filter(is_admin=True))
    missing = f"{team} has no active owner" if team else "No team owns this run"
    return administrators, f"{missing}, so the administrators are told: {_names(administrators)}."


def _names(people):
    names = [user.printed_name for user in people[:SEVERAL]]
    return ", ".join(names) + (f" and {len(people) - SEVERAL} more" if len(people) > SEVERAL else "")


def _step(stage, rungs):
    return f"Escalation {stage.escalation_step} of {len(rungs)}."
