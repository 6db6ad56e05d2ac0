"""Every event this app writes, word for word: `golden/<event>.json`."""

import json
from pathlib import Path

import pytest

from approvals.models import ApprovalStage, Signature
from approvals.tests.lab import DIGEST, EXPORT_ID, approve, reject
from approvals.transitions import delegate_stage, reset_stage
from experiments.events import Event
from ledger.canonical import rfc3339

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def history(lab):
    """A ladder that went through every verb."""
    lab.user("Tess Third", "qa_lead")
    stages = [
        {"name": "Scientist review", "required_role": "scientist", "assignee_id": str(lab.lea.pk)},
        {"name": "QA review", "required_role": "qa_lead", "sla_hours": 24, "assignee_id": str(lab.mira.pk)},
    ]
    ladder = lab.ladder(*stages)
    approve(lab, ladder, 1, lab.lea, meaning="reviewed", notes="Checked against 2.1")
    delegate_stage(lab.stage(ladder, 2).pk, by=lab.mira, delegate_id=lab.ravi.pk, notes="On leave")
    reject(lab, ladder, 2, lab.ravi, notes="Attach plate 3")
    reset_stage(lab.stage(ladder, 2).pk, by=lab.requester, notes="It is attached now")
    approve(lab, ladder, 2, lab.ravi, meaning="approved")
    return list(lab.execution.events.all())


def words_for(lab):
    """Identifiers, digests and times of this run → words that are the same in every run."""
    stages = {stage.sequence_index: stage for stage in ApprovalStage.objects.all()}
    words = {str(stage.pk): f"<stage {number}>" for number, stage in stages.items()}
    words |= {str(user.pk): f"<{user.full_name}>" for user in (lab.requester, lab.lea, lab.mira, lab.ravi)}
    words |= {each.digest: f"<signature {each.sequence}>" for each in Signature.objects.all()}
    return words | {EXPORT_ID: "<export>", DIGEST: "<content digest>"}


def pinned(value, words):
    if isinstance(value, dict):
        return {key: pinned(member, words) for key, member in value.items()}
    return words.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("event_type", "position"),
    [
        (Event.STAGE_STARTED, 1),
        (Event.STAGE_COMPLETED, 0),
        (Event.STAGE_DELEGATED, 0),
        (Event.LADDER_REJECTED, 0),
        (Event.STAGE_RESET, 0),
        (Event.LADDER_FINALIZED, 0),
    ],
)
def test_the_payload_is_the_golden_one(lab, history, event_type, position):
    payload = [event.payload for event in history if event.event_type == event_type][position]
    if payload.get("due_at"):
        payload["due_at"] = "<due>"
    written = json.loads((GOLDEN / f"{event_type}.json").read_text())
    assert pinned(payload, words_for(lab)) == written


def test_each_event_names_who_did_it_and_when_it_is_due(lab, history):
    told = [(event.event_type.rpartition(".")[2], event.actor_name) for event in history]
    assert told == [
        ("stage_started", "Jonas Ortega"),
        ("stage_completed", "Lea Novak"),
        ("stage_started", "Lea Novak"),
        ("delegated", "Mira Kessler"),
        ("rejected", "Ravi Adeyemi"),
        ("stage_reset", "Jonas Ortega"),
        ("stage_completed", "Ravi Adeyemi"),
        ("finalized", "Ravi Adeyemi"),
    ]
    stage = ApprovalStage.objects.get(sequence_index=2)
    assert history[5].payload["due_at"] == rfc3339(stage.due_at)
