from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Notification
from approvals.models import ApprovalAction
from approvals.queries import stages_to_sign
from approvals.tests.lab import approve, reject
from approvals.transitions import delegate_stage
from experiments.models import Execution, ExecutionAccess
from ledger.errors import Invalid, NotAllowed, TransitionDenied


@pytest.fixture
def ladder(lab):
    return lab.ladder({"name": "QA review", "required_role": "qa_lead", "assignee_id": str(lab.mira.pk)}, "compliance")


def test_the_assignee_delegates_to_another_holder_of_the_role(lab, ladder):
    Notification.objects.all().delete()
    action = delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=str(lab.ravi.pk), notes="On leave")
    assert lab.stage(ladder, 1).delegated_to == lab.ravi
    assert (action.action_type, action.actor, action.delegation_target) == ("delegated", lab.mira, lab.ravi)
    assert lab.events() == ["stage_started", "delegated"]
    [told] = Notification.objects.all()
    assert (told.user, told.kind) == (lab.ravi, "stage_delegated")
    assert [stage.pk for stage in stages_to_sign(lab.ravi, now=timezone.now())] == [lab.stage(ladder, 1).pk]


def test_a_delegate_from_another_team_sees_the_run_then(lab, ladder):
    lab.grant(lab.stranger, "qa_lead", team=None)
    ExecutionAccess.objects.all().delete()
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.stranger.pk)
    assert lab.execution in Execution.objects.visible_to(lab.stranger)


def test_a_new_deadline_comes_with_the_delegation(lab, ladder):
    due_at = timezone.now() + timedelta(hours=3)
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk, due_at=due_at)
    assert lab.stage(ladder, 1).due_at == due_at


@pytest.mark.parametrize(
    ("due_at", "sentence"),
    [
        (timezone.now() - timedelta(hours=1), "lies in the future"),
        (timezone.now() + timedelta(days=400), "at most a year away"),
        (datetime(2030, 1, 1, 12), "time zone"),  # noqa: DTZ001 naive on purpose
    ],
)
def test_an_impossible_deadline_is_refused(lab, ladder, due_at, sentence):
    with pytest.raises(Invalid, match=sentence):
        delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk, due_at=due_at)
    assert lab.stage(ladder, 1).delegated_to is None


def refused(lab, ladder, code, *, by, to, index=1, error=Invalid):
    before = lab.stage(ladder, index).delegated_to, lab.events()
    with pytest.raises(error) as caught:
        delegate_stage(lab.stage(ladder, index).pk, by=by, delegate_id=getattr(to, "pk", to))
    assert caught.value.code == code
    assert (lab.stage(ladder, index).delegated_to, lab.events()) == before
    assert not ApprovalAction.objects.filter(action_type="delegated", stage__sequence_index=index).exists()


def test_not_to_oneself(lab, ladder):
    refused(lab, ladder, "self", by=lab.mira, to=lab.mira)


def test_not_to_who_lacks_the_role(lab, ladder):
    refused(lab, ladder, "role_missing", by=lab.mira, to=lab.cleo)


def test_not_to_a_deactivated_person(lab, ladder):
    lab.ravi.is_active = False
    lab.ravi.save()
    refused(lab, ladder, "inactive", by=lab.mira, to=lab.ravi)


def test_not_to_the_requester(lab, ladder):
    lab.grant(lab.requester, "qa_lead")
    refused(lab, ladder, "own_request", by=lab.mira, to=lab.requester)


def test_not_to_who_signed_another_stage(lab, ladder):
    lab.grant(lab.ravi, "compliance")
    approve(lab, ladder, 1, lab.mira)
    lab.grant(lab.mira, "compliance")
    refused(lab, ladder, "already_signed", by=lab.cleo, to=lab.mira, index=2)


@pytest.mark.parametrize("given", ["", "not-an-id", "00000000-0000-4000-8000-000000000000", None, 7, ["x"], "\x00"])
def test_not_to_nobody(lab, ladder, given):
    refused(lab, ladder, "unknown", by=lab.mira, to=given)


def test_an_administrator_delegates_to_the_assignee_in_vain(lab, ladder):
    refused(lab, ladder, "assignee", by=lab.admin, to=lab.mira)


def test_a_delegate_does_not_delegate_on(lab, ladder):
    third = lab.user("Tess Third", "qa_lead")
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)
    with pytest.raises(NotAllowed) as caught:
        delegate_stage(lab.stage(ladder, 1).pk, by=lab.ravi, delegate_id=third.pk)
    assert caught.value.code == "delegation_chain"
    assert lab.stage(ladder, 1).delegated_to == lab.ravi


def test_a_colleague_with_the_role_does_not_hand_out_anothers_stage(lab, ladder):
    third = lab.user("Tess Third", "qa_lead")
    refused(lab, ladder, "not_yours", by=lab.ravi, to=third, error=NotAllowed)


def test_the_requester_does_not_choose_who_signs_even_as_administrator(lab):
    ladder = lab.ladder("qa_lead", requester=lab.admin)
    refused(lab, ladder, "own_request", by=lab.admin, to=lab.ravi, error=NotAllowed)


def test_a_holder_hands_on_an_open_stage_and_may_take_it_back(lab):
    third = lab.user("Tess Third", "qa_lead")
    ladder = lab.ladder("qa_lead")
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)
    with pytest.raises(NotAllowed):
        approve(lab, ladder, 1, third)
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=third.pk)
    approve(lab, ladder, 1, third)
    assert lab.statuses(ladder)[0] == "approved"


def test_a_stage_that_waits_is_delegated_without_a_deadline(lab, ladder):
    lab.user("Tess Third", "compliance")
    stage = lab.stage(ladder, 2)
    with pytest.raises(Invalid, match="has not started"):
        delegate_stage(stage.pk, by=lab.admin, delegate_id=lab.cleo.pk, due_at=timezone.now() + timedelta(hours=1))
    delegate_stage(stage.pk, by=lab.admin, delegate_id=lab.cleo.pk)
    assert lab.stage(ladder, 2).delegated_to == lab.cleo


def test_a_finished_stage_is_not_delegated(lab, ladder):
    approve(lab, ladder, 1, lab.mira)
    refused(lab, ladder, "stage_already_decided", by=lab.mira, to=lab.ravi, error=TransitionDenied)


def test_a_stage_of_a_closed_ladder_is_not_delegated(lab, ladder):
    reject(lab, ladder, 1, lab.mira, notes="No")
    refused(lab, ladder, "ladder_closed", by=lab.admin, to=lab.cleo, index=2, error=TransitionDenied)


def test_the_same_delegation_twice_is_a_conflict(lab, ladder):
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)
    with pytest.raises(TransitionDenied, match="delegated to Ravi Adeyemi already"):
        delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)
    assert ApprovalAction.objects.count() == 1
