"""People, teams and grants in Django's admin: the same verbs, the same refusals."""

import pytest
from django.test import Client

from accounts.enums import AccountAction
from accounts.models import AccountEvent, ApiToken, RoleGrant, User
from accounts.tests.conftest import PASSWORD, bearer

USERS, TEAMS, GRANTS = "/admin/accounts/user/", "/admin/accounts/team/", "/admin/accounts/rolegrant/"


@pytest.fixture
def boss(client, admin):
    client.force_login(admin)
    return client


def person_form(**given):
    form = {"email": "new@lab.org", "full_name": "Noor Haddad", "is_active": "on", "new_password": "", **given}
    return {name: value for name, value in form.items() if value is not None}


def member_form(*rows, initial=0):
    """A team's members as the inline posts them; each row is (pk, user, role, delete)."""
    form = {"memberships-TOTAL_FORMS": len(rows), "memberships-INITIAL_FORMS": initial}
    for number, (pk, team, user, role, delete) in enumerate(rows):
        at = f"memberships-{number}-"
        form |= {at + "id": pk, at + "team": team, at + "user": user, at + "role": role} | (
            {at + "DELETE": "on"} if delete else {}
        )
    return form


def test_the_admin_signs_in_through_the_portal(client, lea):
    asked = client.get("/admin/login/?next=/admin/")
    assert asked["Location"] == "/sign-in/?next=/admin/"
    assert client.post("/admin/login/", {"username": "lea@lab.org", "password": PASSWORD}).status_code == 302
    assert not client.session.get("_auth_user_id")
    client.force_login(lea)
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_person_made_here_must_change_the_first_password(boss, admin):
    assert boss.post(USERS + "add/", person_form(new_password="correct horse 43")).status_code == 302
    user = User.objects.get(email="new@lab.org")
    assert user.must_change_password
    assert user.check_password("correct horse 43")
    assert AccountEvent.objects.get(action=AccountAction.USER_CREATED).actor == admin


@pytest.mark.parametrize(
    "given",
    [
        {"email": "LEA@lab.org"},
        {"email": "none"},
        {"full_name": "a\u202eb"},
        {"full_name": ""},
        {"new_password": "short"},
        {"full_name": "x" * 151},
        {"full_name": "a\x00b"},
    ],
)
def test_a_form_that_does_not_fit_is_shown_again(boss, lea, given):
    before = User.objects.count()
    answer = boss.post(USERS + "add/", person_form(**given))
    assert answer.status_code == 200
    assert answer.context["errors"]
    assert User.objects.count() == before


def test_setting_a_password_forces_a_change_and_tells(boss, lea):
    bearer(lea)
    form = person_form(email="lea@lab.org", full_name="Lea Novak", new_password="correct horse 43")
    assert boss.post(f"{USERS}{lea.pk}/change/", form).status_code == 302
    lea.refresh_from_db()
    assert lea.must_change_password
    assert lea.notifications.get().kind == AccountAction.PASSWORD_RESET
    assert not ApiToken.objects.exists()


def test_saving_without_a_password_keeps_the_old_one(boss, lea):
    boss.post(f"{USERS}{lea.pk}/change/", person_form(email="lea@lab.org", full_name="Lea N"))
    lea.refresh_from_db()
    assert (lea.full_name, lea.must_change_password, lea.check_password(PASSWORD)) == ("Lea N", False, True)


def test_the_last_administrator_stays_and_the_page_says_why(boss, admin):
    form = person_form(email=admin.email, full_name=admin.full_name, is_active=None, is_admin="on")
    answer = boss.post(f"{USERS}{admin.pk}/change/", form, follow=True)
    assert "is the last administrator" in answer.content.decode()
    admin.refresh_from_db()
    assert admin.is_active


def test_nobody_is_deleted_here(boss, lea, team):
    grant = RoleGrant.objects.create(user=lea, role="qa")
    for path in (f"{USERS}{lea.pk}/delete/", f"{TEAMS}{team.pk}/delete/", f"{GRANTS}{grant.pk}/delete/"):
        assert boss.post(path, {"post": "yes"}).status_code == 403
    boss.post(USERS, {"action": "delete_selected", "_selected_action": [str(lea.pk)], "post": "yes"})
    assert User.objects.filter(pk=lea.pk).exists()


def test_a_team_takes_its_members_through_the_verbs(boss, admin, lea, stranger):
    form = {"name": "QC"} | member_form(("", "", lea.pk, "owner", False), ("", "", stranger.pk, "member", False))
    assert boss.post(TEAMS + "add/", form).status_code == 302
    team = lea.teams.get()
    assert set(team.memberships.values_list("user", "role")) == {(lea.pk, "owner"), (stranger.pk, "member")}
    assert AccountEvent.objects.filter(action=AccountAction.MEMBER_ADDED, actor=admin).count() == 2


def test_an_owner_is_exchanged_in_one_save_and_the_last_one_stays(boss, lea, jonas, team):
    first, second = team.memberships.order_by("pk")
    gone = (first.pk, team.pk, lea.pk, "owner", True)
    path = f"{TEAMS}{team.pk}/change/"
    stuck = boss.post(path, {"name": "Assay"} | member_form(gone, initial=1), follow=True)
    assert "is the last owner" in stuck.content.decode()
    assert team.memberships.count() == 2
    promoted = (second.pk, team.pk, jonas.pk, "owner", False)
    assert boss.post(path, {"name": "Assay 2"} | member_form(gone, promoted, initial=2)).status_code == 302
    assert list(team.memberships.values_list("user", "role")) == [(jonas.pk, "owner")]
    team.refresh_from_db()
    assert team.name == "Assay 2"


def test_a_grant_is_made_and_revoked_and_never_edited(boss, admin, lea):
    form = {"user": str(lea.pk), "role": "qa", "team": "", "valid_until_0": "", "valid_until_1": ""}
    assert boss.post(GRANTS + "add/", form).status_code == 302
    grant = RoleGrant.objects.get()
    assert grant.granted_by == admin
    boss.post(f"{GRANTS}{grant.pk}/change/", {**form, "role": "approver"})
    boss.post(GRANTS, {"action": "revoke", "_selected_action": [str(grant.pk)]})
    grant.refresh_from_db()
    assert (grant.role, grant.revoked_by) == ("qa", admin)


def test_the_audit_trail_is_only_read_and_tokens_are_not_shown(boss, admin, lea):
    bearer(lea)
    row = AccountEvent.objects.first()
    assert boss.get("/admin/accounts/accountevent/").status_code == 200
    assert boss.post(f"/admin/accounts/accountevent/{row.pk}/change/", {}).status_code == 403
    assert boss.post(f"/admin/accounts/accountevent/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.get("/admin/accounts/apitoken/").status_code == 404


@pytest.mark.parametrize("path", [USERS, TEAMS, GRANTS, "/admin/accounts/accountevent/", USERS + "add/"])
def test_only_administrators_enter(lea, path):
    client = Client()
    client.force_login(lea)
    assert client.get(path, follow=True).status_code == 403
