from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.api.serializers import StageSerializer
from approvals.models import ApprovalLadder
from approvals.queries import ladder_stages
from approvals.tests.lab import DIGEST, EXPORT_ID, approve
from approvals.transitions import delegate_stage


def stages_json(ladder, **context):
    ladder = ApprovalLadder.objects.get(pk=ladder.pk)
    return StageSerializer(ladder_stages(ladder), many=True, context=context).data


def test_a_stage_has_the_members_of_the_contract(lab):
    ladder = lab.ladder({"name": "QA review", "required_role": "qa_lead", "sla_hours": 2, "metadata": {"a": 1}})
    [stage] = stages_json(ladder, now=timezone.now() + timedelta(hours=3))
    known = lab.stage(ladder, 1)
    assert stage == {
        "id": str(known.pk),
        "export_id": EXPORT_ID,
        "sequence_index": 1,
        "name": "QA review",
        "required_role": "qa_lead",
        "status": "in_progress",
        "sla_hours": 2,
        "due_at": known.due_at.isoformat().replace("+00:00", "Z"),
        "started_at": known.started_at.isoformat().replace("+00:00", "Z"),
        "completed_at": None,
        "assignee": None,
        "delegated_to": None,
        "overdue_notified_at": None,
        "is_overdue": True,
        "notes": "",
        "metadata": {"a": 1},
        "actions": [],
    }


def test_an_action_has_the_members_of_the_contract(lab):
    ladder = lab.ladder({"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)})
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk, notes="On leave")
    signature = approve(lab, ladder, 1, lab.ravi, signature_text="R. Adeyemi", metadata={"device": "bench 2"})
    delegated, approved = stages_json(ladder)[0]["actions"]
    assert (delegated["action_type"], delegated["signature"]) == ("delegated", None)
    assert delegated["delegation_target"]["full_name"] == "Ravi Adeyemi"
    assert approved == {
        "id": str(signature.action_id),
        "stage_id": str(lab.stage(ladder, 1).pk),
        "action_type": "approved",
        "signature": "R. Adeyemi",
        "notes": "",
        "actor": {"id": str(lab.ravi.pk), "email": "ravi.adeyemi@example.org", "full_name": "Ravi Adeyemi"},
        "delegation_target": None,
        "metadata": {"device": "bench 2"},
        "content_digest": DIGEST,
        "created_at": signature.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("count", [1, 30])
def test_queries_do_not_grow_with_stages(lab, count, django_assert_num_queries):
    ladder = lab.ladder(*["scientist"] * count)
    approve(lab, ladder, 1, lab.lea)
    with django_assert_num_queries(3):
        assert len(stages_json(ladder)) == count
