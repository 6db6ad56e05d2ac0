from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import RoleGrant, User
from approvals.models import ApprovalAction, ApprovalLadder, ApprovalStage, Signature
from approvals.tests.lab import approve, reject
from approvals.transitions import reset_stage
from approvals.verification import verify_ladder
from ledger import triggers


@pytest.fixture
def ladder(lab):
    """Approved in its second cycle."""
    ladder = lab.ladder()
    approve(lab, ladder, 1, lab.lea)
    reject(lab, ladder, 2, lab.mira, notes="No")
    reset_stage(lab.stage(ladder, 2).pk, by=lab.requester, notes="Again")
    approve(lab, ladder, 2, lab.ravi)
    approve(lab, ladder, 3, lab.cleo)
    return ladder


def faults(ladder):
    prefix = f"Ladder {ladder.pk}: "
    return [each.removeprefix(prefix) for each in verify_ladder(ApprovalLadder.objects.get(pk=ladder.pk))]


def rewrite(sql, *values):
    with triggers.suspended(connection), connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_a_sound_ladder_has_no_faults_at_any_moment(lab):
    ladder = lab.ladder()
    assert faults(ladder) == []
    approve(lab, ladder, 1, lab.lea)
    assert faults(ladder) == []
    reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Again")
    assert faults(ladder) == []
    reject(lab, ladder, 1, lab.lea, notes="No")
    assert faults(ladder) == []


def test_an_approved_ladder_is_sound(ladder):
    assert faults(ladder) == []


def test_a_status_changed_behind_our_back_is_named(ladder):
    ApprovalLadder.objects.update(status="rejected")
    assert faults(ladder) == ["it is rejected where its stages say approved"]


def test_a_stage_put_to_approved_without_a_decision_is_named(lab):
    ladder = lab.ladder("scientist")
    ApprovalStage.objects.update(status="approved", completed_at=ladder.created_at)
    ApprovalLadder.objects.update(status="approved", closed_at=ladder.created_at)
    assert faults(ladder) == ["1. Stage 1 is approved without a decision"]


def test_a_superseded_decision_put_in_force_again_is_named(lab):
    ladder = lab.ladder("scientist")
    approve(lab, ladder, 1, lab.lea)
    reset_stage(lab.stage(ladder, 1).pk, by=lab.admin, notes="Again")
    ApprovalStage.objects.update(status="approved", completed_at=ladder.created_at)
    ApprovalLadder.objects.update(status="approved", closed_at=ladder.created_at)
    assert faults(ladder) == ["1. Stage 1: the decision of Lea Novak was superseded by a reset"]


def test_a_deleted_signature_is_named(ladder):
    rewrite(f"DELETE FROM {Signature._meta.db_table} WHERE sequence = 2")
    assert faults(ladder)[0] == "signature 3 of Ravi Adeyemi: sequence is 3, 2 expected"


def test_a_requester_put_in_afterwards_is_named(lab, ladder):
    with triggers.suspended(connection):
        ApprovalLadder.objects.update(requested_by=lab.cleo)
    assert faults(ladder) == ["3. Compliance release was signed by Cleo Park, who requested it"]


def test_a_role_that_was_not_held_is_named(lab, ladder):
    RoleGrant.objects.filter(user=lab.cleo).update(
        revoked_at=ApprovalAction.objects.earliest("created_at").created_at, revoked_by=lab.admin
    )
    assert faults(ladder) == ["Cleo Park did not hold the role compliance when signing 3. Compliance release"]


def test_a_role_revoked_after_signing_was_held_then(lab, ladder):
    lab.revoke(lab.cleo, "compliance")
    assert faults(ladder) == []


def test_a_changed_blueprint_is_named(ladder):
    with triggers.suspended(connection):
        ApprovalLadder.objects.update(blueprint_text="{}")
    assert faults(ladder) == ["its blueprint was changed"]


@pytest.mark.parametrize("column", ["content_digest", "blueprint_text", "subject_text", "requested_by_id"])
def test_the_database_refuses_to_change_what_a_ladder_is_about(ladder, column):
    table = ApprovalLadder._meta.db_table
    other = f"(SELECT id FROM {User._meta.db_table} WHERE id <> {table}.requested_by_id LIMIT 1)"
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {other if column == 'requested_by_id' else chr(39) * 2}")


def test_the_command_says_how_many_ladders_hold(ladder):
    said = StringIO()
    call_command("verify_signatures", stderr=said)
    assert said.getvalue().startswith("Ladders verified: 1. The signing key is sha256:")


def test_the_command_fails_and_names_the_row(ladder):
    rewrite(f"UPDATE {Signature._meta.db_table} SET seal = 'AAAA' WHERE sequence = 1")
    with pytest.raises(CommandError, match="signature 1 of Lea Novak: the seal does not fit the statement"):
        call_command("verify_signatures", stderr=StringIO())
