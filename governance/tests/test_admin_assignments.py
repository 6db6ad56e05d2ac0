"""Where ladders apply, in the admin; and who is let into it."""

import pytest
from django.contrib.auth.models import Group

from accounts.models import AccountEvent, User
from accounts.transitions import COMPLIANCE_GROUP, change_user, set_compliance_administrator
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.models import TemplateAssignment
from governance.tests.office import ASSIGNMENTS, actions, errors_of
from ledger.errors import Invalid, NotAllowed, TransitionDenied

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]


def test_a_ladder_is_assigned_once_and_the_second_reads_why(office, published, olga, protocol):
    form = {"template": str(published.pk), "team": "", "protocol": str(protocol.pk)}
    assert office.post(ASSIGNMENTS + "add/", form).status_code == 302
    assert TemplateAssignment.objects.get().assigned_by == olga
    answer = office.post(ASSIGNMENTS + "add/", form)
    assert "is assigned to RT-qPCR" in errors_of(answer)
    assert "RT-qPCR" in answer.content.decode()
    assert actions().count("template.assigned") == 1


@pytest.mark.parametrize("both", [True, False])
def test_an_assignment_names_one_target(office, published, protocol, both):
    given = {"team": str(protocol.team_id), "protocol": str(protocol.pk)} if both else {"team": "", "protocol": ""}
    answer = office.post(ASSIGNMENTS + "add/", {"template": str(published.pk), **given})
    assert "exactly one target" in errors_of(answer)
    assert not TemplateAssignment.objects.exists()


def test_a_draft_is_not_assigned(office, draft, protocol):
    answer = office.post(ASSIGNMENTS + "add/", {"template": str(draft.pk), "protocol": str(protocol.pk)})
    assert "is a draft" in errors_of(answer)


def test_an_assignment_is_revoked_after_asking_and_never_changed(office, published, olga, protocol):
    assignment = assign_template(published, by=olga, protocol_id=protocol.pk)
    page = f"{ASSIGNMENTS}{assignment.pk}/change/"
    assert office.get(page).status_code == 200
    assert office.post(page, {"template": str(published.pk), "team": str(protocol.team_id)}).status_code == 403
    form = {"action": "revoke", "_selected_action": [str(assignment.pk)]}
    assert "RT-qPCR" in office.post(ASSIGNMENTS, form).content.decode()
    assignment.refresh_from_db()
    assert assignment.revoked_at is None
    office.post(ASSIGNMENTS, form | {"confirm": "yes"})
    assignment.refresh_from_db()
    assert (assignment.revoked_by, assignment.protocol) == (olga, protocol)


def test_who_revokes_second_reads_who_was_first(office, published, olga, protocol, admin):
    assignment = assign_template(published, by=olga, protocol_id=protocol.pk)
    revoke_assignment(assignment, by=admin)
    form = {"action": "revoke", "_selected_action": [str(assignment.pk)], "confirm": "yes"}
    assert "Ada Ng revoked this assignment already" in office.post(ASSIGNMENTS, form, follow=True).content.decode()


def test_an_administrator_makes_a_compliance_administrator(client, admin):
    jonas = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    client.force_login(admin)
    form = {"email": jonas.email, "full_name": jonas.full_name, "is_active": "on", "compliance_administrator": "on"}
    page = f"/admin/accounts/user/{jonas.pk}/change/"
    assert client.post(page, form).status_code == 302
    jonas.refresh_from_db()
    assert (jonas.is_staff, jonas.is_admin, jonas.is_superuser) == (True, False, False)
    assert jonas.groups.get().name == COMPLIANCE_GROUP
    event = AccountEvent.objects.get(action="user.compliance_changed")
    assert (event.actor, event.about, event.payload) == (admin, jonas, {"compliance_administrator": True})
    form.pop("compliance_administrator")
    client.post(page, form)
    jonas.refresh_from_db()
    assert not jonas.is_staff
    assert not jonas.groups.exists()


def test_a_change_of_name_leaves_a_compliance_administrator_one(admin, olga):
    change_user(olga.pk, by=admin, full_name="Olga Petrova-Lind")
    olga.refresh_from_db()
    assert olga.is_staff


def test_who_is_deactivated_becomes_no_compliance_administrator(admin):
    gone = User.objects.create_user("gone@example.org", full_name="Gone", is_active=False)
    with pytest.raises(Invalid, match="deactivated"):
        set_compliance_administrator(gone.pk, by=admin, member=True)
    assert not gone.groups.exists()


def test_without_the_group_nobody_is_let_in(admin):
    Group.objects.all().delete()
    jonas = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    with pytest.raises(TransitionDenied, match="Run the migrations"):
        set_compliance_administrator(jonas.pk, by=admin, member=True)
    jonas.refresh_from_db()
    assert not jonas.is_staff


def test_a_compliance_administrator_makes_no_other(olga):
    jonas = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    with pytest.raises(NotAllowed):
        set_compliance_administrator(jonas.pk, by=olga, member=True)
    assert not jonas.groups.exists()
