"""A signature given in somebody's place holds only while the rows that put the signer there are as they were."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Absence
from approvals.models import ApprovalAction, ApprovalLadder, ApprovalStage
from approvals.tests.lab import approve
from approvals.transitions import delegate_stage, reset_stage
from approvals.verification import verify_ladder
from governance.blueprint import ad_hoc_ladder
from ledger import triggers

NO_ABSENCE = ["1. QA review: Ravi Adeyemi signed as a stand-in and no absence covers that"]
NO_DELEGATION = ["1. QA review: Ravi Adeyemi signed as a delegate and no delegation to them was in force"]


def faults(ladder):
    prefix = f"Ladder {ladder.pk}: "
    return [each.removeprefix(prefix) for each in verify_ladder(ApprovalLadder.objects.get(pk=ladder.pk))]


def qa(lab, **changes):
    return lab.ladder({"name": "QA review", "required_role": "qa_lead", "assignee_id": str(lab.mira.pk), **changes})


@pytest.fixture
def absence(lab):
    now = timezone.now()
    return Absence.objects.create(
        user=lab.mira,
        stand_in=lab.ravi,
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=1),
        created_by=lab.mira,
    )


@pytest.fixture
def stood_in(lab, absence):
    ladder = qa(lab)
    approve(lab, ladder, 1, lab.ravi)
    return ladder


@pytest.fixture
def delegated(lab):
    ladder = qa(lab)
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)
    approve(lab, ladder, 1, lab.ravi)
    return ladder


def test_stand_in_and_delegate_are_sound_also_once_the_absence_was_cancelled(lab, stood_in, delegated, absence):
    Absence.objects.update(cancelled_at=timezone.now(), cancelled_by=lab.mira)
    assert faults(stood_in) == faults(delegated) == []


@pytest.mark.parametrize(
    "damage",
    [
        {"ends_at": timedelta(hours=-1)},
        {"starts_at": timedelta(hours=1)},
        {"created_at": timedelta(hours=1)},
        {"cancelled_at": timedelta(hours=-1)},
        {"role": "compliance"},
        {"stand_in": "lea"},
        {"user": "cleo"},
        {"team": "other_team"},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_a_stand_in_without_an_absence_that_covers_it_is_named(lab, stood_in, absence, damage):
    name, value = next(iter(damage.items()))
    if isinstance(value, timedelta):
        value = timezone.now() + value
    elif name != "role":
        value = getattr(lab, value)
    changes = {name: value} | ({"cancelled_by": lab.mira} if name == "cancelled_at" else {})
    Absence.objects.update(**changes)
    assert faults(stood_in) == NO_ABSENCE


def test_an_absence_that_was_deleted_is_named(lab, stood_in):
    Absence.objects.all().delete()
    assert faults(stood_in) == NO_ABSENCE


def test_a_delegate_without_a_delegation_is_named(lab, delegated):
    with triggers.suspended(connection), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {ApprovalAction._meta.db_table} WHERE action_type = 'delegated'")
    assert faults(delegated) == NO_DELEGATION


def test_a_delegate_who_was_replaced_is_named(lab):
    ladder, third = qa(lab), lab.user("Tom Third", "qa_lead")
    stage = lab.stage(ladder, 1)
    delegate_stage(stage.pk, by=lab.mira, delegate_id=lab.ravi.pk)
    delegate_stage(stage.pk, by=lab.mira, delegate_id=third.pk)
    ApprovalStage.objects.update(delegated_to=lab.ravi)
    approve(lab, ladder, 1, lab.ravi)
    assert faults(ladder) == NO_DELEGATION


def test_an_assignee_put_into_the_table_is_named(lab):
    ladder = qa(lab)
    ApprovalStage.objects.update(assignee=lab.ravi)
    approve(lab, ladder, 1, lab.ravi)
    assert faults(ladder) == ["1. QA review: Ravi Adeyemi signed as the assignee and was not"]


def test_names_taken_out_of_the_table_are_missed(lab):
    ladder = qa(lab)
    ApprovalStage.objects.update(assignee=None)
    approve(lab, ladder, 1, lab.ravi)
    assert faults(ladder) == [
        "1. QA review: Ravi Adeyemi signed as any holder of the role, and the stage named somebody"
    ]


def test_who_the_blueprint_names_as_delegate_and_who_got_a_group_stage_are_sound(lab):
    first = qa(lab, delegate_id=str(lab.ravi.pk))
    approve(lab, first, 1, lab.ravi)
    second = lab.ladder("qa_lead")
    delegate_stage(lab.stage(second, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)
    approve(lab, second, 1, lab.ravi)
    assert faults(first) == faults(second) == []


def test_a_superseded_signature_is_looked_at_too(lab, stood_in):
    reset_stage(lab.stage(stood_in, 1).pk, by=lab.admin, notes="Again")
    Absence.objects.all().delete()
    assert faults(stood_in) == NO_ABSENCE


def test_who_brought_evidence_and_signed_a_stage_that_keeps_them_out_is_named(lab):
    ladder = qa(lab, metadata={"exclude_uploaders": True})
    approve(lab, ladder, 1, lab.mira)
    assert faults(ladder) == []
    ladder.uploaders.add(lab.mira)
    assert faults(ladder) == ["1. QA review: Mira Kessler brought evidence and was to be kept from it"]


def test_a_blueprint_of_another_time_is_read_from_its_stages(lab, delegated):
    text = ad_hoc_ladder([{"required_role": "qa_lead"}]).text().replace('"stages"', '"rungs"')
    with triggers.suspended(connection):
        ApprovalLadder.objects.update(blueprint_text=text)
    assert faults(delegated) == ["its blueprint was changed"]
