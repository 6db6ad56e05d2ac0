"""Real monitors on the real database: four at once, and one killed half-way; everything is said once."""

import os
import signal
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import Notification, User
from approvals import monitor, transitions_sla
from approvals.models import ApprovalAction, ApprovalStage
from approvals.tests.lab import Lab
from experiments.models import ExecutionEvent
from tests.at_once import PATIENCE_SECONDS, PROCESSES, at_once

pytestmark = pytest.mark.django_db(transaction=True)
STAGES = 6


@pytest.fixture
def late(transactional_db):
    """Stages of one run: half of them to be reminded of, half overdue and to be escalated."""
    lab = Lab()
    rules = {"reminder_hours": 2, "escalation": [{"after_hours": 1, "to": "team_owners"}]}
    for _ in range(STAGES):
        lab.ladder({"required_role": "qa_lead", "sla_hours": 24, "metadata": rules})
    past, soon = (timezone.now() + timedelta(hours=hours) for hours in (-2, 1))
    half = ApprovalStage.objects.order_by("pk").values_list("pk", flat=True)[: STAGES // 2]
    ApprovalStage.objects.update(due_at=soon, remind_at=past)
    ApprovalStage.objects.filter(pk__in=list(half)).update(due_at=past, remind_at=None, escalate_at=past)
    Notification.objects.all().delete()
    User.objects.system()
    return lab


def check_everything_was_said_once():
    half = STAGES // 2
    types = [event.event_type.rpartition(".")[2] for event in ExecutionEvent.objects.all()]
    assert {name: types.count(name) for name in set(types)} == {
        "stage_started": STAGES,
        "stage_overdue": half,
        "stage_escalated": half,
    }
    assert ApprovalAction.objects.count() == half
    kinds = list(Notification.objects.values_list("kind", flat=True))
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "stage_reminder": half * 2,  # two hold the role
        "stage_overdue": half * 3,  # and the requester
        "stage_escalated": half,  # the administrator: nobody owns the team
    }
    assert not any(monitor.sweep().values())


def test_four_monitors_at_once_say_everything_once(late):
    answers = at_once(*[monitor.sweep] * 4)
    assert [status for status, _ in answers] == [200] * 4
    check_everything_was_said_once()


@pytest.mark.parametrize("step", ["tell_overdue", "tell_escalated"])
def test_a_monitor_killed_half_way_is_made_good_by_the_next(late, step):
    connections.close_all()
    here, there = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=_sweep_until_killed, args=(step, there))
    child.start()
    assert here.poll(PATIENCE_SECONDS)
    os.kill(child.pid, signal.SIGKILL)
    child.join(PATIENCE_SECONDS)
    told = monitor.sweep()
    assert told["failed"] == 0
    assert told["escalated"] > 0
    check_everything_was_said_once()


def _sweep_until_killed(step, pipe):
    """Everything is done but the commit of the second stage, then the process waits for its end."""
    calls, really = [], getattr(transitions_sla, step)

    def stuck(*args, **options):
        really(*args, **options)
        calls.append(args)
        if len(calls) == 2:
            pipe.send("stuck")
            signal.pause()

    setattr(transitions_sla, step, stuck)
    monitor.sweep()
    os._exit(1)
