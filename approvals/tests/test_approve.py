from approvals.models import ApprovalAction, Signature
from approvals.signing import verify
from approvals.tests.lab import DIGEST, password
from approvals.transitions import approve_stage


def approve(stage, by, **changes):
    arguments = {"authentication": password(), "meaning": "approved", "expected_digest": DIGEST, **changes}
    return approve_stage(stage.pk, by=by, **arguments)


def test_the_last_approval_approves_the_ladder_and_every_signature_holds(lab):
    ladder = lab.ladder()
    for index, signer in enumerate([lab.lea, lab.mira, lab.cleo], 1):
        approve(lab.stage(ladder, index), signer)
    assert lab.statuses(ladder) == ("approved", 1, ["approved"] * 3)
    assert lab.events() == [
        "stage_started",
        "stage_completed",
        "stage_started",
        "stage_completed",
        "stage_started",
        "stage_completed",
        "finalized",
    ]
    signatures = list(Signature.objects.all())
    assert [verify(each) for each in signatures] == [None, None, None]
    assert [each.previous_digest for each in signatures] == ["", signatures[0].digest, signatures[1].digest]
    assert ApprovalAction.objects.count() == 3
