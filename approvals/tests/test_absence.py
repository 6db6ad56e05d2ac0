"""Absent assignees and their stand-ins (issue: never defeats separation of duties, chains do not work)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import override_settings

from accounts.models import Absence, User
from approvals import attendance
from approvals.models import ApprovalLadder
from approvals.policies import who_can_sign, why_not_sign
from approvals.queries import ladder_stages, stages_to_sign
from approvals.tests.lab import approve
from approvals.verification import verify_ladder
from ledger.canonical import loads
from ledger.errors import Invalid, NotAllowed

NOW = datetime(2026, 5, 14, 9, tzinfo=UTC)
FIRST, LAST = datetime(2026, 5, 12, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def the_fourteenth_of_may():
    with time_machine.travel(NOW, tick=False):
        yield


def away(person, stand_in=None, **changes):
    fields = {"starts_at": FIRST, "ends_at": LAST, "created_by": person, **changes}
    return Absence.objects.create(user=person, stand_in=stand_in, **fields)


def qa(lab, **changes):
    return lab.ladder({"name": "QA review", "required_role": "qa_lead", "assignee_id": str(lab.mira.pk), **changes})


def to_sign(user):
    return stages_to_sign(user, now=NOW).count()


def test_the_stand_in_signs_for_the_absent_person_and_the_statement_says_so(lab):
    ladder = qa(lab)
    assert "assigned to somebody else" in why_not_sign(lab.ravi, lab.stage(ladder, 1), now=NOW)
    assert to_sign(lab.ravi) == 0
    absence = away(lab.mira, lab.ravi)
    assert to_sign(lab.ravi) == 1
    assert set(who_can_sign(lab.stage(ladder, 1), now=NOW)) == {lab.mira, lab.ravi}
    signature = approve(lab, ladder, 1, lab.ravi)
    assert loads(signature.statement)["acting_as"] == {
        "capacity": "stand_in",
        "of": {"id": str(lab.mira.pk), "name": "Mira Kessler"},
        "absence": {
            "id": str(absence.pk),
            "from": "2026-05-12T00:00:00.000000Z",
            "until": "2026-05-20T00:00:00.000000Z",
            "words": "12 to 19 May 2026",
        },
    }
    assert verify_ladder(ApprovalLadder.objects.get(pk=ladder.pk)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"starts_at": NOW + timedelta(seconds=1)},
        {"ends_at": NOW},
        {"role": "scientist"},
        {"cancelled_at": NOW},
    ],
    ids=["not begun", "over", "another role", "cancelled"],
)
def test_outside_its_time_and_scope_an_absence_changes_nothing(lab, changes):
    if "cancelled_at" in changes:
        changes["cancelled_by"] = lab.mira
    ladder = qa(lab)
    away(lab.mira, lab.ravi, **changes)
    assert to_sign(lab.ravi) == 0
    with pytest.raises(NotAllowed, match="assigned to somebody else"):
        approve(lab, ladder, 1, lab.ravi)


def test_an_absence_in_another_team_changes_nothing(lab):
    ladder = qa(lab)
    away(lab.mira, lab.ravi, team=lab.other_team)
    assert to_sign(lab.ravi) == 0
    with pytest.raises(NotAllowed):
        approve(lab, ladder, 1, lab.ravi)


def test_a_stand_in_of_a_stand_in_does_not_sign(lab):
    ladder = qa(lab)
    third = lab.user("Tom Third", "qa_lead")
    away(lab.mira, lab.ravi)
    away(lab.ravi, third)
    assert to_sign(third) == 0
    with pytest.raises(NotAllowed, match="assigned to somebody else"):
        approve(lab, ladder, 1, third)


def test_the_stand_in_of_a_delegate_does_not_sign(lab):
    third = lab.user("Tom Third", "qa_lead")
    ladder = qa(lab, delegate_id=str(lab.ravi.pk))
    away(lab.ravi, third)
    assert to_sign(third) == 0
    with pytest.raises(NotAllowed):
        approve(lab, ladder, 1, third)


def test_a_stand_in_needs_the_role(lab):
    ladder = qa(lab)
    away(lab.mira, lab.lea)
    assert to_sign(lab.lea) == 0
    with pytest.raises(NotAllowed, match="You do not hold the role qa_lead"):
        approve(lab, ladder, 1, lab.lea)


def test_the_requester_does_not_sign_as_a_stand_in(lab):
    lab.grant(lab.requester, "qa_lead")
    ladder = qa(lab)
    away(lab.mira, lab.requester)
    assert to_sign(lab.requester) == 0
    with pytest.raises(NotAllowed, match="You requested this"):
        approve(lab, ladder, 1, lab.requester)


def test_nobody_stands_in_for_a_person_who_signed_another_stage(lab):
    lab.grant(lab.lea, "qa_lead")
    ladder = lab.ladder("scientist", {"required_role": "qa_lead", "assignee_id": str(lab.lea.pk)})
    approve(lab, ladder, 1, lab.lea)
    away(lab.lea, lab.ravi)
    assert to_sign(lab.ravi) == 0
    with pytest.raises(NotAllowed, match="Lea Novak signed another stage of this ladder, so nobody stands in"):
        approve(lab, ladder, 2, lab.ravi)
    with override_settings(SEPARATION_OF_DUTIES=False):
        assert to_sign(lab.ravi) == 1
        approve(lab, ladder, 2, lab.ravi)


def test_who_is_back_signs_what_was_assigned(lab):
    ladder = qa(lab)
    away(lab.mira, lab.ravi)
    signature = approve(lab, ladder, 1, lab.mira)
    assert loads(signature.statement)["acting_as"] == {"capacity": "assignee", "of": None}


def warned(ladder):
    """`{stage number: sentence}`."""
    ladder = ApprovalLadder.objects.get(pk=ladder.pk)
    stages = ladder_stages(ladder)
    numbers = {stage.pk: stage.sequence_index for stage in stages}
    return {numbers[pk]: words for pk, words in attendance.starving(ladder, stages, now=NOW).items()}


def test_a_stage_says_beforehand_that_nobody_is_there_to_sign(lab):
    ladder = qa(lab)
    assert warned(ladder) == {}
    away(lab.mira)
    assert warned(ladder) == {1: "Nobody who can sign it is there: Mira Kessler is back on 20 May 2026, 00:00 UTC."}
    lab.revoke(lab.mira, "qa_lead")
    assert warned(ladder) == {1: "Nobody whom it names can sign it at present. An administrator can delegate it."}
    lab.mira.is_active = False
    lab.mira.save()
    assert "Mira Kessler is deactivated" in warned(ladder)[1]


def test_a_stand_in_or_a_delegate_who_is_there_keeps_a_stage_fed(lab):
    ladder = qa(lab)
    away(lab.mira, lab.ravi)
    assert warned(ladder) == {}
    away(lab.ravi)
    assert "Mira Kessler is back" in warned(ladder)[1]


def test_stages_still_to_come_are_looked_at_too(lab):
    ladder = lab.ladder()
    away(lab.cleo, ends_at=NOW + timedelta(days=1))
    assert warned(ladder) == {3: "Nobody who can sign it is there: Cleo Park is back on 15 May 2026, 09:00 UTC."}
    lab.grant(lab.lea, "compliance")
    assert warned(ladder) == {3: attendance.NEEDED_ELSEWHERE}
    approve(lab, ladder, 1, lab.lea)
    assert "Cleo Park is back" in warned(ladder)[3]
    with override_settings(SEPARATION_OF_DUTIES=False):
        assert warned(ladder) == {}


def test_two_stages_that_need_the_same_person_are_seen_whatever_the_order(lab):
    lab.grant(lab.mira, "scientist")
    lab.revoke(lab.lea, "scientist")
    lab.revoke(lab.ravi, "qa_lead")
    assert list(warned(lab.ladder()).values()) == [attendance.NEEDED_ELSEWHERE]
    lab.grant(lab.ravi, "qa_lead")
    assert warned(lab.ladder()) == {}


def test_the_number_of_queries_does_not_grow_with_the_stages(lab, django_assert_num_queries):
    for count in (1, 30):
        ladder = ApprovalLadder.objects.get(pk=lab.ladder(*["qa_lead"] * count).pk)
        stages = ladder_stages(ladder)
        assert ladder.execution.team_id
        with django_assert_num_queries(3):
            assert len(attendance.starving(ladder, stages, now=NOW)) == max(0, count - 2)


def test_nobody_delegates_to_who_is_away(lab):
    from approvals.transitions import delegate_stage

    ladder = qa(lab)
    away(lab.ravi)
    with pytest.raises(Invalid, match=r"Ravi Adeyemi is away until 20 May 2026, 00:00 UTC\."):
        delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)


def assert_the_answers_agree(lab, ladder, index=1):
    """The list, the policy and the people who are told and named are the same."""
    stage = lab.stage(ladder, index)
    people = list(User.objects.all())
    may = {user for user in people if why_not_sign(user, stage, now=NOW) is None}
    assert {user for user in people if to_sign(user)} == may == set(who_can_sign(stage, now=NOW))
    return may


def test_nobody_stands_in_for_who_brought_the_evidence_of_a_stage_that_keeps_them_out(lab):
    ladder = qa(lab, metadata={"exclude_uploaders": True})
    away(lab.mira, lab.ravi)
    assert assert_the_answers_agree(lab, ladder) == {lab.mira, lab.ravi}
    ladder.uploaders.add(lab.mira)
    assert assert_the_answers_agree(lab, ladder) == set()
    with override_settings(SEPARATION_OF_DUTIES=False):
        assert assert_the_answers_agree(lab, ladder) == set()
    assert "Mira Kessler brought evidence that is signed here" in why_not_sign(lab.ravi, lab.stage(ladder, 1), now=NOW)


def test_a_stand_in_who_may_not_sign_is_not_named_as_who_can(lab):
    lab.grant(lab.lea, "qa_lead")
    ladder = lab.ladder("scientist", {"required_role": "qa_lead", "assignee_id": str(lab.lea.pk)})
    approve(lab, ladder, 1, lab.lea)
    away(lab.lea, lab.ravi)
    assert assert_the_answers_agree(lab, ladder, 2) == set()
    assert "Ravi Adeyemi can sign" not in why_not_sign(lab.mira, lab.stage(ladder, 2), now=NOW)


def test_who_has_to_change_the_password_is_asked_for_no_signature(lab):
    ladder = qa(lab)
    lab.mira.must_change_password = True
    lab.mira.save()
    assert assert_the_answers_agree(lab, ladder) == set()


@pytest.mark.parametrize("lost", ["role", "account"])
def test_nobody_stands_in_for_who_could_not_sign_when_back(lab, lost):
    ladder = qa(lab)
    away(lab.mira, lab.ravi)
    if lost == "role":
        lab.revoke(lab.mira, "qa_lead")
    else:
        lab.mira.is_active = False
        lab.mira.save()
    assert to_sign(lab.ravi) == 0
    assert lab.ravi not in who_can_sign(lab.stage(ladder, 1), now=NOW)
    assert list(warned(ladder)) == [1]
    with pytest.raises(NotAllowed, match=r"Mira Kessler .*, so nobody stands in for them here"):
        approve(lab, ladder, 1, lab.ravi)
