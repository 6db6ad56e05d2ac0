"""Real processes on the real database: one signature, and a sentence for everybody else."""

from itertools import combinations_with_replacement

import pytest

from accounts.models import User
from approvals.models import ApprovalAction, ApprovalLadder, Signature
from approvals.tests.lab import DIGEST, Lab, password
from approvals.transitions import approve_stage, delegate_stage, reject_stage, reset_stage
from approvals.transitions_claim import claim_stage
from approvals.verification import verify_ladder
from experiments.tests.recorded import assert_chain
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab(transactional_db):
    User.objects.get_or_create(email="system@biolabs.invalid", defaults={"is_active": False, "full_name": "BioLabs"})
    return Lab()


def signing_by(user, stage, verb=approve_stage, **arguments):
    def call():
        verb(stage.pk, by=user, authentication=password(), expected_digest=DIGEST, **arguments)

    return call


@pytest.mark.parametrize("count", [2, 8])
def test_many_sign_the_same_stage_at_once_and_one_signature_is_made(lab, count):
    people = [lab.user(f"Signer {number}", "qa_lead") for number in range(count)]
    ladder = lab.ladder("qa_lead", "compliance")
    stage = lab.stage(ladder, 1)
    answers = at_once(*(signing_by(user, stage, meaning="approved") for user in people))
    assert sorted(status for status, _ in answers) == [200, *[409] * (count - 1)]
    winner = people[[status for status, _ in answers].index(200)]
    lost = {sentence for status, sentence in answers if status == 409}
    assert all(each.startswith(f"{winner.full_name} already approved this stage on ") for each in lost)
    assert [each.signer for each in Signature.objects.all()] == [winner]
    assert lab.statuses(ladder) == ("pending", 1, ["approved", "in_progress"])
    assert lab.events() == ["stage_started", "stage_completed", "stage_started"]
    assert verify_ladder(ApprovalLadder.objects.get()) == []


def test_one_person_pressing_eight_times_signs_once(lab):
    ladder = lab.ladder("scientist")
    answers = at_once(*[signing_by(lab.lea, lab.stage(ladder, 1), meaning="approved")] * 8)
    assert sorted(status for status, _ in answers) == [200, *[409] * 7]
    assert Signature.objects.count() == 1
    assert lab.events() == ["stage_started", "stage_completed", "finalized"]


def test_approving_and_rejecting_at_once_gives_one_decision(lab):
    ladder = lab.ladder("qa_lead")
    stage = lab.stage(ladder, 1)
    answers = at_once(
        signing_by(lab.mira, stage, meaning="approved"), signing_by(lab.ravi, stage, verb=reject_stage, notes="No")
    )
    assert sorted(status for status, _ in answers) == [200, 409]
    decided = "approved" if answers[0][0] == 200 else "rejected"
    assert lab.statuses(ladder) == (decided, 1, [decided])
    assert ApprovalAction.objects.get().action_type == decided
    assert verify_ladder(ApprovalLadder.objects.get()) == []


def test_two_resets_at_once_open_one_cycle(lab):
    ladder = lab.ladder("scientist", "qa_lead")
    stage = lab.stage(ladder, 1)
    signing_by(lab.lea, stage, verb=reject_stage, notes="No")()
    answers = at_once(*(lambda by=by: reset_stage(stage.pk, by=by, notes="Again") for by in (lab.requester, lab.admin)))
    assert sorted(status for status, _ in answers) == [200, 409]
    assert lab.statuses(ladder) == ("pending", 2, ["in_progress", "pending"])
    assert verify_ladder(ApprovalLadder.objects.get()) == []


def _everything_is_sound(lab, answers):
    assert {status for status, _ in answers} <= {200, 403, 409}, answers
    assert 200 in {status for status, _ in answers}
    assert all(sentence.endswith(".") for status, sentence in answers if status != 200)
    for ladder in ApprovalLadder.objects.all():
        assert verify_ladder(ladder) == []
    assert_chain(lab.execution)


VERBS = ("approve", "reject", "reset", "delegate", "claim")


def _call(lab, verb, ladder, number):
    """The n-th of eight people doing this on the second stage (a reset: on the first)."""
    second, person = lab.stage(ladder, 2), lab.crowd[number]
    return {
        "approve": signing_by(person, second, meaning="approved"),
        "reject": signing_by(person, second, verb=reject_stage, notes="No"),
        "reset": lambda: reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Again"),
        "delegate": lambda: delegate_stage(second.pk, by=person, delegate_id=lab.crowd[(number + 1) % 8].pk),
        "claim": lambda: claim_stage(second.pk, by=person),
    }[verb]


@pytest.mark.parametrize(("one", "other"), [*combinations_with_replacement(VERBS, 2)])
def test_eight_at_once_in_every_pair_of_verbs_leave_a_sound_ladder(lab, one, other):
    lab.crowd = [lab.user(f"Signer {number}", "qa_lead") for number in range(8)]
    ladder = lab.ladder("scientist", "qa_lead", "compliance")
    signing_by(lab.lea, lab.stage(ladder, 1), meaning="approved")()
    answers = at_once(*(_call(lab, one if number % 2 else other, ladder, number) for number in range(8)))
    _everything_is_sound(lab, answers)
    decided = ApprovalAction.objects.filter(stage=lab.stage(ladder, 2), action_type__in=["approved", "rejected"])
    assert decided.count() <= 1
