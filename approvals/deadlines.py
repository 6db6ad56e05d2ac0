"""A stage's times, set together and left for the caller to save; under the execution's lock.

Hours are counted by the working calendar of the stage's team, where it has one.
"""

from approvals import sla
from approvals.calendars import calendar_of
from approvals.policies import team_of
from governance.stage_rules import stage_rules

TIME_FIELDS = ["due_at", "due_words", "remind_at", "overdue_notified_at", "escalate_at", "escalation_step"]


def start_clock(stage, *, now):
    """The time limit begins now; a stage without one is never due."""
    _clear(stage)
    if stage.sla_hours:
        calendar = calendar_of(team_of(stage))
        found = sla.deadline(now, stage.sla_hours, calendar)
        stage.due_at, stage.due_words = found.due_at, found.words
        _set_watch(stage, calendar, now)


def retime(stage, due_at, *, now):
    """Another deadline, as an absolute time: reminder and escalation start anew from it."""
    _clear(stage)
    stage.due_at = due_at
    _set_watch(stage, calendar_of(team_of(stage)), now)


def stop_clock(stage):
    """The stage left progress: its deadline stays to be read, nobody is reminded of it."""
    stage.remind_at = stage.escalate_at = None


def forget_times(stage):
    """The stage waits again."""
    stage.started_at = stage.completed_at = None
    _clear(stage)


def escalation_due(stage, calendar):
    """When the rung that `escalation_step` names is due, or None after the last."""
    rungs = stage_rules(stage.metadata).escalation
    if stage.due_at is None or stage.escalation_step >= len(rungs):
        return None
    return sla.later(stage.due_at, rungs[stage.escalation_step].after_hours, calendar)


def _set_watch(stage, calendar, now):
    if stage.due_at is None:
        return
    hours = stage_rules(stage.metadata).reminder_hours
    # Who could sign is told when the stage starts: a reminder that would come before that says nothing new.
    stage.remind_at = sla.reminder(stage.due_at, hours, after=now, calendar=calendar) if hours else None
    stage.escalate_at = escalation_due(stage, calendar)


def _clear(stage):
    stage.due_at = stage.remind_at = stage.overdue_notified_at = stage.escalate_at = None
    stage.due_words, stage.escalation_step = "", 0
