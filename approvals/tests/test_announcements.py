"""What webhooks tell about a ladder, and that nothing people wrote is in it."""

import json

import pytest

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.secrets_at_rest import encrypt
from approvals.notices import tell_escalated, tell_overdue
from approvals.tests.lab import DIGEST, password
from approvals.transitions import approve_stage, delegate_stage, reject_stage, reset_stage
from ledger.canonical import rfc3339


@pytest.fixture
def hooked(lab):
    WebhookEndpoint.objects.create(
        name="ELN", url="https://hooks.example/", secret=encrypt("s"), team=lab.team, created_by=lab.admin
    )
    return lab


def told():
    rows = WebhookDelivery.objects.order_by("created_at", "pk")
    return [(row.kind, json.loads(row.body)["data"].get("stage")) for row in rows]


def test_a_ladder_from_start_to_end_tells_each_step_once_and_in_order(hooked):
    ladder = hooked.ladder({"name": "Review", "required_role": "qa_lead", "sla_hours": 24})
    stage = hooked.stage(ladder, 1)
    delegate_stage(stage.pk, by=hooked.admin, delegate_id=hooked.ravi.pk, notes="Secret note")
    signing = {"authentication": password(), "expected_digest": DIGEST}
    reject_stage(stage.pk, by=hooked.ravi, notes="Secret reason", **signing)
    reset_stage(stage.pk, by=hooked.requester, notes="Secret wish")
    approve_stage(hooked.stage(ladder, 1).pk, by=hooked.ravi, meaning="approved", **signing)
    assert told() == [
        ("stage_to_sign", "Review"),
        ("stage_delegated", "Review"),
        ("ladder_rejected", None),
        ("stage_to_sign", "Review"),
        ("ladder_reopened", None),
        ("ladder_approved", None),
    ]
    bodies = " ".join(WebhookDelivery.objects.values_list("body", flat=True))
    assert "Secret" not in bodies
    assert not any(person.full_name in bodies for person in (hooked.ravi, hooked.requester))


def test_the_facts_of_a_stage(hooked, settings):
    settings.SITE_URL = "https://biolabs.example"
    ladder = hooked.ladder({"name": "Review", "required_role": "qa_lead", "sla_hours": 24})
    stage = hooked.stage(ladder, 1)
    message = json.loads(WebhookDelivery.objects.get().body)
    subject = ladder.subject
    assert message["event"] == "stage_to_sign"
    assert message["team_id"] == str(hooked.team.pk)
    assert message["data"] == {
        "ladder_id": str(ladder.pk),
        "execution_id": str(hooked.execution.pk),
        "subject": {key: subject[key] for key in ("kind", "id", "version")},
        "title": ladder.title,
        "cycle": 1,
        "stage_id": str(stage.pk),
        "stage": "Review",
        "stage_index": 1,
        "role": "qa_lead",
        "due_at": rfc3339(stage.due_at),
        "url": f"https://biolabs.example/exports/{subject['id']}/",
    }


def test_deadlines_are_told_too(hooked):
    stage = hooked.stage(hooked.ladder({"required_role": "qa_lead", "sla_hours": 1}), 1)
    WebhookDelivery.objects.all().delete()
    tell_overdue(stage, now=stage.due_at)
    tell_escalated(stage, [hooked.admin], reason="Step 1.", now=stage.due_at)
    assert sorted(kind for kind, _ in told()) == ["stage_escalated", "stage_overdue"]


def test_another_team_hears_nothing(hooked):
    WebhookEndpoint.objects.update(team=hooked.other_team)
    hooked.ladder("qa_lead")
    assert told() == []
