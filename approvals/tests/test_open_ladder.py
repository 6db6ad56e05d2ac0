import pytest
from django.utils import timezone

from approvals.models import ApprovalLadder, ApprovalStage
from approvals.queries import stages_to_sign
from approvals.tests.lab import DIGEST, approve
from approvals.transitions import check_blueprint_people
from experiments.models import Execution, ExecutionAccess
from governance.blueprint import ad_hoc_ladder
from ledger.canonical import sha256_text
from ledger.errors import Invalid


def test_a_ladder_opens_with_its_first_stage_in_progress(lab):
    ladder = lab.ladder()
    assert lab.statuses(ladder) == ("pending", 1, ["in_progress", "pending", "pending"])
    assert ladder.blueprint_digest == sha256_text(ladder.blueprint_text)
    assert ladder.content_digest == DIGEST
    first, second = lab.stage(ladder, 1), lab.stage(ladder, 2)
    assert (first.due_at, second.started_at) == (None, None)
    assert lab.events() == ["stage_started"]


def test_people_and_roles_named_may_see_the_run(lab):
    lab.grant(lab.stranger, "compliance", team=None)
    outsider = lab.user("Olga Outsider", team=lab.other_team)
    assert lab.execution not in Execution.objects.visible_to(lab.stranger)
    lab.ladder("qa_lead", "compliance")
    assert lab.execution in Execution.objects.visible_to(lab.stranger)
    assert lab.execution not in Execution.objects.visible_to(outsider)
    assert sorted(ExecutionAccess.objects.values_list("role", flat=True)) == ["compliance", "qa_lead"]


def faults(lab, *stages, requester=None):
    with pytest.raises(Invalid) as caught:
        lab.ladder(*stages, requester=requester)
    assert not ApprovalLadder.objects.exists()
    assert not ApprovalStage.objects.exists()
    return [(error["field"], error["code"]) for error in caught.value.errors]


@pytest.mark.parametrize("given", ["x", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_assignee_is_named_by_stage(lab, given):
    stage = {"required_role": "qa_lead", "assignee_id": given}
    assert faults(lab, "scientist", stage) == [("approval_stages.1.assignee_id", "unknown")]


def test_every_wrong_person_is_named(lab):
    lab.ravi.is_active = False
    lab.ravi.save()
    lab.grant(lab.requester, "qa_lead")
    stages = [
        {"required_role": "qa_lead", "assignee_id": str(lab.cleo.pk)},
        {"required_role": "qa_lead", "delegate_id": str(lab.ravi.pk)},
        {"required_role": "qa_lead", "assignee_id": str(lab.mira.pk), "delegate_id": str(lab.mira.pk)},
        {"required_role": "qa_lead", "assignee_id": str(lab.requester.pk)},
        {"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)},
    ]
    assert faults(lab, *stages) == [
        ("approval_stages.0.assignee_id", "role_missing"),
        ("approval_stages.1.delegate_id", "inactive"),
        ("approval_stages.2.delegate_id", "self"),
        ("approval_stages.3.assignee_id", "own_request"),
    ]


def test_a_role_in_another_team_does_not_qualify(lab):
    lab.grant(lab.stranger, "qa_lead", team=lab.other_team)
    stage = {"required_role": "qa_lead", "assignee_id": str(lab.stranger.pk)}
    assert faults(lab, stage) == [("approval_stages.0.assignee_id", "role_missing")]


def test_whom_an_escalation_of_a_request_names_is_somebody_active(lab):
    gone = lab.user("Gone")
    type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    nobody = "11111111-1111-4111-8111-111111111111"
    stages = [
        {"required_role": "qa_lead", "metadata": {"escalation": [{"after_hours": 1, "to": str(told)}]}}
        for told in (lab.mira.pk, gone.pk, nobody, "team_owners")
    ]
    assert faults(lab, *stages) == [
        ("approval_stages.1.metadata", "unknown"),
        ("approval_stages.2.metadata", "unknown"),
    ]


@pytest.mark.parametrize("count", [1, 30])
def test_checking_people_costs_two_queries(lab, count, django_assert_num_queries):
    blueprint = ad_hoc_ladder([{"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)}] * count)
    with django_assert_num_queries(2):
        check_blueprint_people(blueprint, team_id=lab.team.pk, requester=lab.requester, now=timezone.now())


# --- Whose work it is -----------------------------------------------------------------------------------------------


def to_sign(user):
    return [stage.name for stage in stages_to_sign(user, now=timezone.now())]


def test_my_work_lists_what_i_may_sign_now(lab):
    lab.grant(lab.requester, "scientist")
    lab.grant(lab.lea, "qa_lead")
    ladder = lab.ladder()
    assert to_sign(lab.lea) == ["Scientist review"]
    assert to_sign(lab.requester) == []
    assert to_sign(lab.mira) == []
    approve(lab, ladder, 1, lab.lea)
    assert to_sign(lab.mira) == ["QA review"]
    assert to_sign(lab.lea) == []  # signed stage 1 already


def test_my_work_leaves_out_stages_assigned_to_others_and_lost_roles(lab):
    lab.ladder({"name": "QA", "required_role": "qa_lead", "assignee_id": str(lab.mira.pk)})
    assert (to_sign(lab.mira), to_sign(lab.ravi)) == (["QA"], [])
    lab.revoke(lab.mira, "qa_lead")
    assert to_sign(lab.mira) == []


@pytest.mark.parametrize("count", [1, 30])
def test_my_work_is_one_query(lab, count, django_assert_num_queries):
    for _ in range(count):
        lab.ladder("scientist")
    with django_assert_num_queries(1):
        stages = list(stages_to_sign(lab.lea, now=timezone.now()))
        assert [stage.ladder.requested_by.full_name for stage in stages] == ["Jonas Ortega"] * count
        assert {stage.ladder.execution.protocol.name for stage in stages} == {"RT-qPCR N1"}
