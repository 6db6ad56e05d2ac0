import pytest

from accounts.models import Notification
from approvals.models import ApprovalAction, Signature
from approvals.signals import ladder_closed
from approvals.tests.lab import approve, reject
from approvals.transitions import reset_stage
from ledger.canonical import loads
from ledger.errors import Invalid, NotAllowed, TransitionDenied


def test_rejecting_ends_the_ladder_and_resets_later_stages(lab):
    ladder = lab.ladder()
    approve(lab, ladder, 1, lab.lea)
    Notification.objects.all().delete()
    signature = reject(lab, ladder, 2, lab.mira, notes="Attach plate 3")
    assert lab.statuses(ladder) == ("rejected", 1, ["approved", "rejected", "reset"])
    assert lab.events()[-1] == "rejected"
    assert loads(signature.statement)["decision"] == "rejected"
    assert loads(signature.statement)["meaning"]["sentence"] == "I have reviewed this record and reject it"
    [told] = Notification.objects.all()
    assert (told.user, told.kind) == (lab.requester, "ladder_rejected")
    assert told.body == "Rejected by Mira Kessler: Attach plate 3"


@pytest.mark.parametrize("notes", ["", "  \n ", None])
def test_rejecting_needs_a_reason(lab, notes):
    ladder = lab.ladder()
    with pytest.raises(Invalid, match="Say why you reject"):
        reject(lab, ladder, 1, lab.lea, notes=notes)
    assert lab.statuses(ladder) == ("pending", 1, ["in_progress", "pending", "pending"])


def test_the_requester_does_not_reject_their_own_export(lab):
    lab.grant(lab.requester, "scientist")
    ladder = lab.ladder()
    with pytest.raises(NotAllowed):
        reject(lab, ladder, 1, lab.requester, notes="Changed my mind")
    assert not ApprovalAction.objects.exists()


def test_a_rejected_stage_is_not_approved_afterwards(lab):
    ladder = lab.ladder("qa_lead")
    reject(lab, ladder, 1, lab.mira, notes="No")
    with pytest.raises(TransitionDenied, match=r"^Mira Kessler already rejected this stage on "):
        approve(lab, ladder, 1, lab.ravi)
    assert Signature.objects.count() == 1


def test_a_rejection_approves_nothing_with_another_meaning(lab):
    ladder = lab.ladder()
    with pytest.raises(Invalid):
        reject(lab, ladder, 1, lab.lea, notes="No", meaning="approved")


# --- Reset ----------------------------------------------------------------------------------------------------------


def test_a_reset_opens_the_next_cycle_with_a_fresh_deadline(lab):
    ladder = lab.ladder()
    approve(lab, ladder, 1, lab.lea)
    reject(lab, ladder, 2, lab.mira, notes="No")
    old = lab.stage(ladder, 2)
    heard = []

    def listen(sender, ladder, timeline, by, **kwargs):
        heard.append((ladder.status, ladder.cycle))

    ladder_closed.connect(listen)
    action = reset_stage(old.pk, by=lab.requester, notes="Plate 3 is attached now")
    ladder_closed.disconnect(listen)
    fresh = lab.stage(ladder, 2)
    assert lab.statuses(ladder) == ("pending", 2, ["approved", "in_progress", "pending"])
    assert fresh.completed_at is None
    assert fresh.due_at > old.due_at
    assert (action.action_type, action.cycle, action.notes) == ("reset", 2, "Plate 3 is attached now")
    assert lab.events()[-1] == "stage_reset"
    assert heard == [("pending", 2)]


def test_after_a_reset_the_ladder_can_be_approved_and_the_chain_goes_on(lab):
    ladder = lab.ladder("scientist", "qa_lead")
    approve(lab, ladder, 1, lab.lea)
    reject(lab, ladder, 2, lab.mira, notes="No")
    reset_stage(lab.stage(ladder, 2).pk, by=lab.requester, notes="Again")
    signature = approve(lab, ladder, 2, lab.mira)
    assert lab.statuses(ladder) == ("approved", 2, ["approved", "approved"])
    assert signature.sequence == 3
    assert signature.previous_digest == Signature.objects.get(sequence=2).digest


def test_an_administrator_resets_an_approved_stage_of_a_running_ladder(lab):
    ladder = lab.ladder()
    approve(lab, ladder, 1, lab.lea)
    reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Wrong plate")
    assert lab.statuses(ladder) == ("pending", 2, ["in_progress", "pending", "pending"])
    assert lab.stage(ladder, 2).due_at is None


def test_an_approved_stage_is_reset_by_an_administrator_only(lab):
    ladder = lab.ladder()
    approve(lab, ladder, 1, lab.lea)
    for by in (lab.requester, lab.lea, lab.mira):
        with pytest.raises(NotAllowed, match="administrator only"):
            reset_stage(lab.stage(ladder, 1).pk, by=by, notes="Again")
    assert lab.statuses(ladder) == ("pending", 1, ["approved", "in_progress", "pending"])


def test_a_rejected_stage_is_not_reset_by_a_signer(lab):
    ladder = lab.ladder()
    reject(lab, ladder, 1, lab.lea, notes="No")
    with pytest.raises(NotAllowed, match="who requested the export"):
        reset_stage(lab.stage(ladder, 1).pk, by=lab.lea, notes="Changed my mind")


def test_a_stage_without_a_decision_is_not_reset(lab):
    ladder = lab.ladder()
    for index in (1, 2):
        with pytest.raises(TransitionDenied, match="has no decision that could be reset"):
            reset_stage(lab.stage(ladder, index).pk, by=lab.admin, notes="Again")


def test_a_reset_needs_a_reason(lab):
    ladder = lab.ladder()
    reject(lab, ladder, 1, lab.lea, notes="No")
    with pytest.raises(Invalid, match="Say why"):
        reset_stage(lab.stage(ladder, 1).pk, by=lab.requester, notes=" ")


def test_the_second_reset_loses(lab):
    ladder = lab.ladder()
    reject(lab, ladder, 1, lab.lea, notes="No")
    reset_stage(lab.stage(ladder, 1).pk, by=lab.requester, notes="Again")
    with pytest.raises(TransitionDenied):
        reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Again")
    assert lab.statuses(ladder)[1] == 2


def test_a_veto_once_the_dossier_is_ready_undoes_the_reset(lab):
    ladder = lab.ladder("scientist")
    approve(lab, ladder, 1, lab.lea)

    def veto(sender, ladder, timeline, by, **kwargs):
        if ladder.status == "pending":
            raise TransitionDenied("The dossier is ready.", code="artifact_ready")

    ladder_closed.connect(veto)
    try:
        with pytest.raises(TransitionDenied, match="The dossier is ready"):
            reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Again")
    finally:
        ladder_closed.disconnect(veto)
    assert lab.statuses(ladder) == ("approved", 1, ["approved"])
    assert ApprovalAction.objects.count() == 1
