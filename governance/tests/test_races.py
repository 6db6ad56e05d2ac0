"""Two administrators in processes of their own: one wins, the other reads why; the end is sound on both databases."""

import pytest

from accounts.models import Team, User
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.audit import AUDIT_LOGS
from governance.models import TemplateAssignment, TemplateAuditLog, TemplateFamily, TemplateSnapshot, WorkflowTemplate
from governance.transitions import archive_template, change_template, create_template, publish_template
from ledger.chain import fault_in
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)
STAGES = [{"name": "QA review", "required_role": "qa"}]


@pytest.fixture
def admins(transactional_db):
    people = [("ada@example.org", "Ada Ng"), ("olga@example.org", "Olga Petrova")]
    return [User.objects.create_user(email, full_name=name, is_admin=True) for email, name in people]


def make(by, **fields):
    usual = {"by": by, "template_key": "release", "name": "Release", "stage_blueprint": STAGES}
    return create_template(**usual | fields)


def sound():
    for family in TemplateFamily.objects.all():
        versions = list(family.versions.order_by("version").values_list("version", "is_latest"))
        assert versions == [(n, n == family.version_count) for n in range(1, family.version_count + 1)]
    for chain in AUDIT_LOGS.ids():
        assert fault_in(AUDIT_LOGS, chain) is None


def statuses(answers):
    return sorted(status for status, _ in answers)


def said(answers):
    (sentence,) = (sentence for status, sentence in answers if status != 200)
    return sentence


def test_two_publish_one_snapshot_and_the_second_reads_who_was_first(admins):
    from governance.admin_verbs import publish  # the admin's verb says who was first; the API answers the same snapshot

    draft = make(admins[0])
    answers = at_once(*(lambda by=by: publish(draft, by=by) for by in admins))
    assert statuses(answers) == [200, 409]
    winner = TemplateSnapshot.objects.get().captured_by_name
    assert said(answers) == f"Release v1 was published already, by {winner}."
    assert TemplateAuditLog.objects.filter(action="template.published").count() == 1
    sound()


def test_two_make_the_next_version_and_get_two_numbers(admins):
    first = make(admins[0])
    answers = at_once(*(lambda by=by: make(by, forked_from_id=first.pk) for by in admins * 2))
    assert statuses(answers) == [200] * 4
    assert WorkflowTemplate.objects.count() == 5
    sound()


def test_two_make_the_same_key_at_once_and_get_one_family(admins):
    answers = at_once(*(lambda by=by: make(by) for by in admins * 2))
    assert statuses(answers) == [200] * 4
    assert TemplateFamily.objects.get().version_count == 4
    sound()


@pytest.mark.parametrize("families", [1, 2])
def test_two_assign_the_same_target_and_one_is_told_what_is_assigned(admins, families):
    team = Team.objects.create(name="Assay")
    templates = [make(admins[0], template_key=key, publish=True) for key in ("release", "other")[:families]]
    calls = zip(admins, (templates * 2)[:2], strict=True)
    answers = at_once(*(lambda by=by, t=t: assign_template(t, by=by, team_id=team.pk) for by, t in calls))
    assert statuses(answers) == [200, 409]
    winner = TemplateAssignment.objects.get().assigned_by.full_name
    assert said(answers) == f"Release v1 is assigned to Assay already, by {winner}. Revoke that first."
    assert TemplateAuditLog.objects.filter(action="template.assigned").count() == 1
    sound()


def test_revoking_twice_at_once_is_logged_once(admins):
    team = Team.objects.create(name="Assay")
    assignment = assign_template(make(admins[0], publish=True), by=admins[0], team_id=team.pk)
    answers = at_once(*(lambda by=by: revoke_assignment(assignment, by=by) for by in admins))
    assert statuses(answers) == [200, 409]
    assignment.refresh_from_db()
    assert said(answers) == f"{assignment.revoked_by.full_name} revoked this assignment already."
    assert TemplateAuditLog.objects.filter(action="template.unassigned").count() == 1
    sound()


def test_archiving_and_assigning_at_once_leaves_no_assignment_without_a_ladder(admins):
    team = Team.objects.create(name="Assay")
    template = make(admins[0], publish=True)
    answers = at_once(
        lambda: archive_template(template, by=admins[0]),
        lambda: assign_template(template, by=admins[1], team_id=team.pk),
    )
    assert statuses(answers) in ([200, 400], [200, 409])
    template.refresh_from_db()
    assert (template.status == "archived") != TemplateAssignment.objects.exists()
    sound()


def test_changing_and_publishing_at_once_publishes_what_was_there(admins):
    draft = make(admins[0])
    at_once(
        lambda: publish_template(draft, by=admins[0]),
        lambda: change_template(draft, by=admins[1], name="Changed"),
    )
    draft.refresh_from_db()
    assert draft.status == "published"
    assert TemplateSnapshot.objects.get().members["name"] == draft.name
    sound()
