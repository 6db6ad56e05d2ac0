from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Notification
from approvals.models import ApprovalStage
from approvals.policies import why_not_claim, why_not_release
from approvals.tests.lab import approve, reject
from approvals.transitions import delegate_stage, reset_stage
from approvals.transitions_claim import claim_stage, release_stage
from experiments.tests.recorded import assert_golden
from ledger.errors import NotAllowed, TransitionDenied

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def ladder(lab):
    return lab.ladder("qa_lead", "compliance")


def newest(lab):
    return lab.execution.events.order_by("-sequence").first()


def test_a_claimed_stage_is_signed_by_the_claimer_only_until_taken_over(lab, ladder):
    stage = claim_stage(lab.stage(ladder, 1).pk, by=lab.mira)
    assert (stage.claimed_by, stage.claimed_at is not None) == (lab.mira, True)
    with pytest.raises(TransitionDenied, match=r"Mira Kessler claimed this stage on .* Take it over") as refused:
        approve(lab, ladder, 1, lab.ravi)
    assert refused.value.code == "claimed"
    claim_stage(stage.pk, by=lab.ravi)
    assert newest(lab).payload["taken_from"]["name"] == "Mira Kessler"
    assert Notification.objects.get(user=lab.mira, kind="stage_claimed").body == "Ravi Adeyemi took it over."
    with pytest.raises(TransitionDenied, match="Ravi Adeyemi claimed this stage"):
        approve(lab, ladder, 1, lab.mira)
    approve(lab, ladder, 1, lab.ravi)
    assert lab.stage(ladder, 1).claimed_by is None


def test_the_events_of_a_claim_and_a_release(lab, ladder):
    stage = lab.stage(ladder, 1)
    claim_stage(stage.pk, by=lab.mira)
    assert_golden(newest(lab), GOLDEN)
    release_stage(stage.pk, by=lab.mira)
    assert_golden(newest(lab), GOLDEN)
    actions = list(stage.actions.values_list("action_type", "metadata_text"))
    assert actions == [("comment", '{"claim":"claimed"}'), ("comment", '{"claim":"released"}')]


def test_claiming_twice_is_refused(lab, ladder):
    stage = claim_stage(lab.stage(ladder, 1).pk, by=lab.mira)
    with pytest.raises(TransitionDenied, match="You claimed this stage already"):
        claim_stage(stage.pk, by=lab.mira)
    assert lab.events().count("stage_claimed") == 1


def test_who_could_not_sign_does_not_claim(lab, ladder):
    for person, words in ((lab.lea, "You do not hold the role"), (lab.requester, "You requested this")):
        with pytest.raises(NotAllowed, match=words):
            claim_stage(lab.stage(ladder, 1).pk, by=person)
    assert lab.stage(ladder, 1).claimed_by is None
    assert "stage_claimed" not in lab.events()


def test_a_stage_that_has_not_started_or_names_somebody_is_not_claimed(lab):
    ladder = lab.ladder({"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)}, "compliance")
    with pytest.raises(TransitionDenied, match="names who signs it"):
        claim_stage(lab.stage(ladder, 1).pk, by=lab.mira)
    with pytest.raises(TransitionDenied, match="has not started"):
        claim_stage(lab.stage(ladder, 2).pk, by=lab.cleo)


def test_only_the_claimer_or_an_administrator_releases(lab, ladder):
    stage = claim_stage(lab.stage(ladder, 1).pk, by=lab.mira)
    with pytest.raises(NotAllowed, match="you can take it over instead"):
        release_stage(stage.pk, by=lab.ravi)
    release_stage(stage.pk, by=lab.admin)
    assert Notification.objects.get(user=lab.mira, kind="stage_claimed").body == "Ada Admin released it."
    with pytest.raises(TransitionDenied, match="Nobody claimed"):
        release_stage(stage.pk, by=lab.mira)


def test_a_delegation_a_rejection_and_a_reset_end_the_claim(lab, ladder):
    stage = claim_stage(lab.stage(ladder, 1).pk, by=lab.mira)
    delegate_stage(stage.pk, by=lab.mira, delegate_id=lab.ravi.pk)
    assert lab.stage(ladder, 1).claimed_by is None
    reject(lab, ladder, 1, lab.ravi, notes="Attach plate 3")
    reset_stage(stage.pk, by=lab.requester, notes="Attached")
    stage = lab.stage(ladder, 1)
    assert (stage.claimed_by, stage.claimed_at) == (None, None)


def test_a_claimed_later_stage_waits_unclaimed_after_a_reset(lab, ladder):
    approve(lab, ladder, 1, lab.mira)
    claim_stage(lab.stage(ladder, 2).pk, by=lab.cleo)
    reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Wrong plate")
    assert ApprovalStage.objects.get(ladder=ladder, sequence_index=2).claimed_by is None


def test_somebody_who_lost_the_role_is_taken_over_from(lab, ladder):
    stage = claim_stage(lab.stage(ladder, 1).pk, by=lab.mira)
    lab.revoke(lab.mira, "qa_lead")
    now = timezone.now()
    assert why_not_claim(lab.ravi, lab.stage(ladder, 1), now=now) is None
    assert why_not_release(lab.ravi, lab.stage(ladder, 1)) is not None
    claim_stage(stage.pk, by=lab.ravi)
    approve(lab, ladder, 1, lab.ravi)


def test_others_do_not_hand_on_a_claimed_stage(lab, ladder):
    stage = claim_stage(lab.stage(ladder, 1).pk, by=lab.mira)
    third = lab.user("Tom Third", "qa_lead")
    with pytest.raises(NotAllowed, match="Mira Kessler claimed this stage"):
        delegate_stage(stage.pk, by=lab.ravi, delegate_id=third.pk)
