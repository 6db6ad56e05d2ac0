import hashlib

import pytest

from accounts.models import Notification, User
from accounts.passwords import Authentication
from approvals import transitions_ladder
from approvals.models import ApprovalAction, ApprovalStage, Signature
from approvals.signals import ladder_closed
from approvals.signing import verify
from approvals.tests.lab import DIGEST, EXPORT_ID, approve, password, reject, stale_password
from approvals.transitions import approve_stage, delegate_stage, reset_stage
from approvals.verification import verify_ladder
from ledger.canonical import loads
from ledger.errors import Invalid, NotAllowed, TransitionDenied


@pytest.fixture
def heard():
    """What `ladder_closed` announced: status and cycle."""
    told = []

    def listen(sender, ladder, timeline, by, **kwargs):
        told.append((ladder.status, ladder.cycle, by.full_name))

    ladder_closed.connect(listen)
    yield told
    ladder_closed.disconnect(listen)


def test_an_approval_starts_the_next_stage_with_a_fresh_deadline(lab, heard):
    ladder = lab.ladder()
    signature = approve(lab, ladder, 1, lab.lea, notes="Checked\r\nagainst 2.1")
    assert lab.statuses(ladder) == ("pending", 1, ["approved", "in_progress", "pending"])
    second = lab.stage(ladder, 2)
    assert second.started_at == signature.created_at
    assert (second.due_at - second.started_at).total_seconds() == 24 * 3600
    assert signature.action.notes == "Checked\nagainst 2.1"
    assert signature.action.signature_text == "Lea Novak"
    assert heard == []


def test_the_last_approval_approves_the_ladder_and_every_signature_holds(lab, heard):
    ladder = lab.ladder()
    for index, signer in enumerate([lab.lea, lab.mira, lab.cleo], 1):
        approve(lab, ladder, index, signer)
    assert lab.statuses(ladder) == ("approved", 1, ["approved"] * 3)
    assert lab.events() == [*["stage_started", "stage_completed"] * 3, "finalized"]
    signatures = list(Signature.objects.all())
    assert [verify(each) for each in signatures] == [None, None, None]
    assert [each.sequence for each in signatures] == [1, 2, 3]
    assert [each.previous_digest for each in signatures] == ["", signatures[0].digest, signatures[1].digest]
    assert heard == [("approved", 1, "Cleo Park")]


def test_the_statement_says_who_signed_what_when_and_meaning_what(lab):
    ladder = lab.ladder()
    proof = password()
    signature = approve(lab, ladder, 1, lab.lea, meaning="reviewed", notes="Seen", authentication=proof)
    said, stage = loads(signature.statement), lab.stage(ladder, 1)
    assert said.pop("notes_sha256") == hashlib.sha256(b"Seen").hexdigest()
    assert said == {
        "schema": "biolabs-signature/1",
        "subject": {
            "kind": "narrative_export",
            "id": EXPORT_ID,
            "version": 3,
            "execution": f"urn:uuid:{lab.execution.pk}",
        },
        "content_digest": DIGEST,
        "ladder": {"id": str(ladder.pk), "name": "Ad-hoc ladder", "blueprint_digest": ladder.blueprint_digest},
        "cycle": 1,
        "stage": {"id": str(stage.pk), "index": 1, "name": "Scientist review", "required_role": "scientist"},
        "decision": "approved",
        "meaning": {"code": "reviewed", "sentence": "I have reviewed this record"},
        "signer": {"id": str(lab.lea.pk), "name": "Lea Novak", "email": "lea.novak@example.org"},
        "signed_as": "Lea Novak",
        "acting_as": {"capacity": "role_holder", "of": None},
        "authentication": {"method": "password", "at": proof.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
        "separation_of_duties": True,
        "signed_at": signature.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "notes": "Seen",
        "previous": "",
        "key": signature.key_fingerprint,
    }


def test_a_delegate_signs_for_the_assignee_and_the_statement_says_so(lab):
    ladder = lab.ladder({"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)})
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=str(lab.ravi.pk))
    signature = approve(lab, ladder, 1, lab.ravi)
    mira = {"id": str(lab.mira.pk), "name": "Mira Kessler"}
    assert loads(signature.statement)["acting_as"] == {"capacity": "delegate", "of": mira}


@pytest.mark.parametrize(("giver", "of"), [("mira", True), ("admin", False)])
def test_who_only_chose_the_signer_of_an_open_stage_is_not_whom_the_signature_is_for(lab, giver, of):
    giver = getattr(lab, giver)
    ladder = lab.ladder("qa_lead")
    delegate_stage(lab.stage(ladder, 1).pk, by=giver, delegate_id=lab.ravi.pk)
    signature = approve(lab, ladder, 1, lab.ravi)
    told = {"id": str(giver.pk), "name": giver.printed_name} if of else None
    assert loads(signature.statement)["acting_as"] == {"capacity": "delegate", "of": told}
    assert verify_ladder(lab.stage(ladder, 1).ladder) == []


def test_the_assignee_still_signs_a_stage_that_was_delegated(lab):
    ladder = lab.ladder({"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)})
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=str(lab.ravi.pk))
    signature = approve(lab, ladder, 1, lab.mira)
    assert loads(signature.statement)["acting_as"] == {"capacity": "assignee", "of": None}


def test_next_signers_and_requester_are_told(lab):
    ladder = lab.ladder("scientist", "qa_lead")
    assert told() == [("Lea Novak", "stage_to_sign")]
    approve(lab, ladder, 1, lab.lea)
    assert told() == [("Mira Kessler", "stage_to_sign"), ("Ravi Adeyemi", "stage_to_sign")]
    approve(lab, ladder, 2, lab.ravi)
    assert told() == [("Jonas Ortega", "ladder_approved")]


def told():
    """Names and kinds of the notifications since the last call."""
    rows = sorted(Notification.objects.values_list("user__full_name", "kind"))
    Notification.objects.all().delete()
    return rows


# --- Wrong person ---------------------------------------------------------------------------------------------------


def refused(lab, code, stage_index=1, by=None, ladder=None, error=NotAllowed, **changes):
    before = state()
    with pytest.raises(error) as caught:
        approve(lab, ladder, stage_index, by, **changes)
    assert caught.value.code == code
    assert state() == before
    return caught.value.sentence


def state():
    """Everything a refused signature must leave alone."""
    return (
        list(ApprovalStage.objects.order_by("pk").values()),
        list(ApprovalAction.objects.order_by("pk").values()),
        list(Signature.objects.order_by("pk").values()),
        Notification.objects.count(),
    )


def test_the_requester_cannot_sign_with_the_role(lab):
    lab.grant(lab.requester, "scientist")
    ladder = lab.ladder()
    sentence = refused(lab, "own_request", by=lab.requester, ladder=ladder)
    assert sentence == "You requested this, so you cannot sign it. Lea Novak can sign it."


def test_the_requester_cannot_sign_as_administrator(lab):
    lab.grant(lab.admin, "scientist")
    ladder = lab.ladder(requester=lab.admin)
    refused(lab, "own_request", by=lab.admin, ladder=ladder)


def test_the_requester_cannot_sign_as_a_delegate_put_into_the_table(lab):
    lab.grant(lab.requester, "scientist")
    ladder = lab.ladder()
    ApprovalStage.objects.filter(ladder=ladder, sequence_index=1).update(delegated_to=lab.requester)
    sentence = refused(lab, "own_request", by=lab.requester, ladder=ladder)
    assert "At present nobody whom it names can sign it" in sentence


def test_the_requester_may_sign_where_the_deployment_turns_separation_of_duties_off(lab, settings):
    settings.SEPARATION_OF_DUTIES = False
    lab.grant(lab.requester, "scientist")
    ladder = lab.ladder("scientist")
    signature = approve(lab, ladder, 1, lab.requester)
    assert loads(signature.statement)["separation_of_duties"] is False
    assert lab.statuses(ladder) == ("approved", 1, ["approved"])


def test_nobody_signs_two_stages_of_one_ladder(lab):
    lab.grant(lab.lea, "qa_lead")
    ladder = lab.ladder()
    approve(lab, ladder, 1, lab.lea)
    sentence = refused(lab, "already_signed", 2, by=lab.lea, ladder=ladder)
    assert sentence.startswith("You signed stage 1, Scientist review, on ")
    assert sentence.endswith("nobody signs two stages of one ladder. Mira Kessler or Ravi Adeyemi can sign it.")


def test_a_superseded_decision_does_not_count_as_a_second_signature(lab):
    lab.grant(lab.ravi, "scientist")
    ladder = lab.ladder("scientist", "qa_lead")
    approve(lab, ladder, 1, lab.ravi)
    reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Wrong person")
    approve(lab, ladder, 1, lab.lea)
    approve(lab, ladder, 2, lab.ravi)
    assert lab.statuses(ladder) == ("approved", 2, ["approved", "approved"])


def test_an_approval_of_an_earlier_cycle_still_in_force_bars_the_later_stage(lab):
    lab.grant(lab.lea, "qa_lead")
    ladder = lab.ladder("scientist", "qa_lead")
    approve(lab, ladder, 1, lab.lea)
    reject(lab, ladder, 2, lab.mira, notes="No")
    reset_stage(lab.stage(ladder, 2).pk, by=lab.requester, notes="Please look again")
    refused(lab, "already_signed", 2, by=lab.lea, ladder=ladder)


def test_without_the_role_nobody_signs(lab):
    sentence = refused(lab, "role_missing", by=lab.cleo, ladder=lab.ladder())
    assert sentence == "You do not hold the role scientist here. Lea Novak can sign it."


def test_an_administrator_without_the_role_does_not_sign(lab):
    refused(lab, "role_missing", by=lab.admin, ladder=lab.ladder())


def test_an_administrator_does_not_sign_for_the_assignee(lab):
    lab.grant(lab.admin, "qa_lead")
    ladder = lab.ladder({"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)})
    sentence = refused(lab, "not_yours", by=lab.admin, ladder=ladder)
    assert sentence == "This stage is assigned to somebody else. Mira Kessler can sign it."


def test_a_role_in_another_team_does_not_count(lab):
    lab.grant(lab.stranger, "scientist", team=lab.other_team)
    refused(lab, "role_missing", by=lab.stranger, ladder=lab.ladder())


def test_a_role_granted_everywhere_counts(lab):
    lab.grant(lab.stranger, "scientist", team=None)
    ladder = lab.ladder("scientist")
    approve(lab, ladder, 1, lab.stranger)
    assert lab.statuses(ladder)[0] == "approved"


def test_a_role_revoked_between_page_and_post_is_refused(lab):
    ladder = lab.ladder()
    lab.revoke(lab.lea, "scientist")
    refused(lab, "role_missing", by=lab.lea, ladder=ladder)


def test_an_assignee_who_lost_the_role_is_refused(lab):
    ladder = lab.ladder({"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)})
    lab.revoke(lab.mira, "qa_lead")
    refused(lab, "role_missing", by=lab.mira, ladder=ladder)


def test_an_account_deactivated_between_page_and_post_is_refused(lab):
    ladder = lab.ladder()
    User.objects.filter(pk=lab.lea.pk).update(is_active=False)  # lab.lea still says active
    refused(lab, "inactive", by=lab.lea, ladder=ladder)


def test_a_password_set_by_somebody_else_must_be_changed_first(lab):
    ladder = lab.ladder()
    User.objects.filter(pk=lab.lea.pk).update(must_change_password=True)
    refused(lab, "password_change_required", by=lab.lea, ladder=ladder)


# --- Wrong state, stale page, proof ---------------------------------------------------------------------------------


def test_a_decided_stage_names_who_decided_it(lab):
    ladder = lab.ladder()
    signature = approve(lab, ladder, 1, lab.lea)
    sentence = refused(lab, "stage_already_decided", by=lab.lea, ladder=ladder, error=TransitionDenied)
    at = signature.created_at
    assert sentence == f"Lea Novak already approved this stage on {at.day} {at:%b %Y, %H:%M} UTC."


def test_a_stage_whose_turn_has_not_come_is_refused(lab):
    sentence = refused(lab, "stage_not_in_progress", 2, by=lab.mira, ladder=lab.ladder(), error=TransitionDenied)
    assert sentence == "Stage 2, QA review, has not started; it waits for the stages before it."


def test_a_stage_after_a_rejection_names_the_rejection(lab):
    ladder = lab.ladder()
    reject(lab, ladder, 1, lab.lea, notes="No")
    sentence = refused(lab, "ladder_closed", 2, by=lab.mira, ladder=ladder, error=TransitionDenied)
    assert sentence.startswith("Lea Novak already rejected stage 1, Scientist review, on ")


def test_another_digest_than_the_page_showed_is_refused(lab):
    refused(lab, "record_changed", by=lab.lea, ladder=lab.ladder(), error=TransitionDenied, expected_digest="0" * 64)


def test_a_page_from_before_a_reset_is_refused(lab):
    ladder = lab.ladder()
    reject(lab, ladder, 1, lab.lea, notes="No")
    reset_stage(lab.stage(ladder, 1).pk, by=lab.requester, notes="Again")
    refused(lab, "record_changed", by=lab.lea, ladder=ladder, error=TransitionDenied, expected_cycle=1)


@pytest.mark.parametrize(
    "proof", [lambda: None, stale_password, lambda: Authentication(method="session", at=password().at)]
)
def test_without_a_fresh_password_nobody_signs(lab, proof):
    refused(lab, "password_required", by=lab.lea, ladder=lab.ladder(), authentication=proof())


def test_a_session_signs_where_the_deployment_turns_reauthentication_off(lab, settings):
    settings.SIGNATURE_REAUTHENTICATION = False
    ladder = lab.ladder("scientist")
    session = Authentication(method="session", at=password().at)
    signature = approve(lab, ladder, 1, lab.lea, authentication=session)
    assert loads(signature.statement)["authentication"]["method"] == "session"


@pytest.mark.parametrize("meaning", ["rejected", "", "owner", None])
def test_only_an_approving_meaning_approves(lab, meaning):
    ladder = lab.ladder()
    refused(lab, "invalid_choice", by=lab.lea, ladder=ladder, error=Invalid, meaning=meaning)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"notes": "a\x00b"}, "notes"),
        ({"notes": "\ud800"}, "notes"),
        ({"notes": "x" * 10_001}, "notes"),
        ({"notes": ["x"]}, "notes"),
        ({"signature_text": "x" * 255}, "signature"),
        ({"signature_text": "Lea\nNovak"}, "signature"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "\x00"}}, "metadata"),
        ({"metadata": {"a": float("nan")}}, "metadata"),
        ({"metadata": {"a": 2**60}}, "metadata"),
        ({"metadata": {"a": "x" * 70_000}}, "metadata"),
    ],
)
def test_bad_text_is_refused_at_its_field(lab, changes, field):
    ladder, before = lab.ladder(), state()
    with pytest.raises(Invalid) as caught:
        approve(lab, ladder, 1, lab.lea, **changes)
    assert [error["field"] for error in caught.value.errors] == [field]
    assert state() == before


def test_an_unknown_stage_does_not_exist(lab):
    with pytest.raises(ApprovalStage.DoesNotExist):
        approve_stage(
            "00000000-0000-4000-8000-000000000000",
            by=lab.lea,
            authentication=password(),
            meaning="approved",
            expected_digest=DIGEST,
        )


# --- All or nothing -------------------------------------------------------------------------------------------------


def test_a_veto_from_above_leaves_nothing_behind(lab):
    def veto(sender, **kwargs):
        raise TransitionDenied("Not now.", code="veto")

    ladder = lab.ladder("scientist")
    ladder_closed.connect(veto)
    try:
        refused(lab, "veto", by=lab.lea, ladder=ladder, error=TransitionDenied)
    finally:
        ladder_closed.disconnect(veto)
    assert lab.events() == ["stage_started"]


def test_a_failing_timeline_takes_the_signature_back(lab, monkeypatch):
    ladder, before = lab.ladder(), state()

    def fail(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(transitions_ladder, "tell_signers", fail)
    with pytest.raises(RuntimeError):
        approve(lab, ladder, 1, lab.lea)
    assert state() == before
    assert lab.events() == ["stage_started"]
