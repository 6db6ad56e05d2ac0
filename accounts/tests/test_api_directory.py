"""Users, teams and role grants over the API: an administrator, an owner, a member and a stranger."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.enums import AccountAction
from accounts.models import AccountEvent, ApiToken, Membership, RoleGrant, Team, User
from accounts.tests.conftest import PASSWORD, bearer, person

MALFORMED = ["nope", "0", "%00", "..%2F", "x" * 500, "00000000-0000-0000-0000-000000000000"]


def post(client, path, body):
    return client.post(path, json.dumps(body), content_type="application/json")


# --- Users ----------------------------------------------------------------------------------------------------------


def test_an_administrator_creates_a_user_who_can_sign_in(admin):
    body = {"email": "New@Lab.org", "full_name": "Noor Haddad", "password": "correct horse 43", "is_admin": False}
    answer = post(bearer(admin), "/api/users", body)
    assert answer.status_code == 201
    user = User.objects.get(pk=answer.json()["id"])
    assert (user.email, user.full_name, user.is_admin, user.is_staff) == ("new@lab.org", "Noor Haddad", False, False)
    assert user.check_password("correct horse 43")
    event = AccountEvent.objects.get(action=AccountAction.USER_CREATED)
    assert (event.actor, event.about) == (admin, user)
    assert event.payload == {"email": "new@lab.org", "full_name": "Noor Haddad", "is_active": True, "is_admin": False}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "admin@LAB.org"}, "email"),
        ({"email": "no address"}, "email"),
        ({"email": None}, "email"),
        ({"email": ["a@b.org"]}, "email"),
        ({"full_name": ""}, "full_name"),
        ({"full_name": "x" * 151}, "full_name"),
        ({"full_name": "A\n# Heading"}, "full_name"),
        ({"full_name": "A\u202eB"}, "full_name"),
        ({"full_name": "A\x00B"}, "full_name"),
        ({"full_name": "\ud800"}, "full_name"),
        ({"full_name": {"a": 1}}, "full_name"),
        ({"password": "short"}, "password"),
        ({"password": "1234567890"}, "password"),
        ({"password": "x" * 1025}, "password"),
        ({"is_admin": "maybe"}, "is_admin"),
        ({"is_superuser": True}, "is_superuser"),
    ],
)
def test_a_wrong_value_is_400_names_its_field_and_creates_nobody(admin, change, field):
    body = {"email": "new@lab.org", "full_name": "Noor", "password": "correct horse 43", **change}
    before = User.objects.count()
    answer = post(bearer(admin), "/api/users", body)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}
    assert User.objects.count() == before


def test_a_name_of_ten_megabytes_is_413_or_400(admin):
    body = {"email": "n@lab.org", "full_name": "x" * 10_000_000}
    assert post(bearer(admin), "/api/users", body).status_code in (400, 413)


def test_only_administrators_see_and_change_users(lea, jonas, team):
    client = bearer(lea)
    answers = [
        client.get("/api/users"),
        post(client, "/api/users", {"email": "n@lab.org", "full_name": "N"}),
        client.get(f"/api/users/{jonas.pk}"),
        client.patch(f"/api/users/{lea.pk}", {"is_admin": True}),
        post(client, "/api/teams", {"name": "Mine"}),
        client.get("/api/role-grants"),
        post(client, "/api/role-grants", {"user_id": str(lea.pk), "role": "qa", "team_id": None}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 7
    assert not RoleGrant.objects.exists()
    assert not User.objects.get(pk=lea.pk).is_admin


def test_users_are_never_deleted(admin, lea):
    assert bearer(admin).delete(f"/api/users/{lea.pk}").status_code == 405


def test_a_patch_changes_only_what_it_names_and_is_recorded(admin, lea):
    answer = bearer(admin).patch(f"/api/users/{lea.pk}", {"full_name": "Lea Novak-Ito"}, format="json")
    assert answer.status_code == 200
    lea.refresh_from_db()
    assert (lea.full_name, lea.email, lea.is_active) == ("Lea Novak-Ito", "lea@lab.org", True)
    changes = AccountEvent.objects.get(action=AccountAction.USER_CHANGED).payload["changes"]
    assert changes == {"full_name": {"from": "Lea Novak", "to": "Lea Novak-Ito"}}


def test_a_patch_without_change_records_nothing(admin, lea):
    assert bearer(admin).patch(f"/api/users/{lea.pk}", {"full_name": "Lea Novak"}, format="json").status_code == 200
    assert not AccountEvent.objects.filter(action=AccountAction.USER_CHANGED).exists()


def test_a_weak_password_leaves_the_rest_unchanged(admin, lea):
    body = {"full_name": "Other", "password": "short"}
    assert bearer(admin).patch(f"/api/users/{lea.pk}", body, format="json").status_code == 400
    lea.refresh_from_db()
    assert lea.full_name == "Lea Novak"
    assert lea.check_password(PASSWORD)


def test_a_password_set_by_an_administrator_forces_a_change_tells_and_ends_tokens(admin, lea):
    bearer(lea)
    answer = bearer(admin).patch(f"/api/users/{lea.pk}", {"password": "correct horse 43"}, format="json")
    assert answer.json()["must_change_password"] is True
    assert not ApiToken.objects.filter(user=lea).exists()
    assert lea.notifications.get().kind == AccountAction.PASSWORD_RESET
    assert AccountEvent.objects.get(action=AccountAction.PASSWORD_RESET).actor == admin


def test_deactivating_revokes_tokens(admin, lea):
    bearer(lea)
    assert bearer(admin).patch(f"/api/users/{lea.pk}", {"is_active": False}, format="json").status_code == 200
    assert not ApiToken.objects.filter(user=lea).exists()


@pytest.mark.parametrize("change", [{"is_admin": False}, {"is_active": False}])
def test_the_last_administrator_stays(admin, change):
    person("gone@lab.org", is_admin=True, is_active=False)
    answer = bearer(admin).patch(f"/api/users/{admin.pk}", change, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    admin.refresh_from_db()
    assert admin.is_admin
    assert admin.is_active


def test_an_administrator_may_step_down_while_another_stays(admin):
    person("second@lab.org", is_admin=True)
    assert bearer(admin).patch(f"/api/users/{admin.pk}", {"is_admin": False}, format="json").status_code == 200
    admin.refresh_from_db()
    assert (admin.is_admin, admin.is_staff, admin.is_superuser) == (False, False, False)


@pytest.mark.parametrize("pk", MALFORMED)
def test_malformed_and_unknown_ids_are_404(admin, pk):
    client = bearer(admin)
    answers = [
        client.get(f"/api/users/{pk}"),
        client.patch(f"/api/users/{pk}", {}, format="json"),
        post(client, f"/api/teams/{pk}/members", {"user_id": str(admin.pk)}),
        client.delete(f"/api/teams/{pk}/members/{admin.pk}"),
        client.delete(f"/api/role-grants/{pk}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5


def test_the_system_user_is_not_to_be_found_or_changed(admin):
    system = User.objects.system()
    client = bearer(admin)
    assert client.patch(f"/api/users/{system.pk}", {"is_active": True}, format="json").status_code == 404
    assert str(system.pk) not in client.get("/api/users").content.decode()
    grant = post(client, "/api/role-grants", {"user_id": str(system.pk), "role": "qa"})
    assert grant.status_code == 400


# --- Teams ----------------------------------------------------------------------------------------------------------


def test_an_administrator_creates_a_team_and_a_second_of_its_name_is_refused(admin):
    client = bearer(admin)
    assert post(client, "/api/teams", {"name": "  QC  "}).json()["name"] == "QC"
    assert post(client, "/api/teams", {"name": "QC"}).status_code == 400
    assert Team.objects.count() == 1


def test_people_see_their_own_teams_only(admin, lea, stranger, team):
    Team.objects.create(name="Other")
    assert [row["name"] for row in bearer(lea).get("/api/teams").json()["items"]] == ["Assay"]
    assert bearer(stranger).get("/api/teams").json()["items"] == []
    assert len(bearer(admin).get("/api/teams").json()["items"]) == 2


def test_an_owner_adds_changes_and_removes_members(lea, stranger, team):
    client, path = bearer(lea), f"/api/teams/{team.pk}/members"
    assert post(client, path, {"user_id": str(stranger.pk), "role": "member"}).status_code == 201
    assert post(client, path, {"user_id": str(stranger.pk), "role": "manager"}).status_code == 200
    assert team.memberships.get(user=stranger).role == "manager"
    assert client.delete(f"{path}/{stranger.pk}").status_code == 204
    assert client.delete(f"{path}/{stranger.pk}").status_code == 404
    actions = AccountEvent.objects.filter(about=stranger).order_by("created_at").values_list("action", flat=True)
    assert list(actions) == [AccountAction.MEMBER_ADDED, AccountAction.MEMBER_CHANGED, AccountAction.MEMBER_REMOVED]


def test_a_member_may_not_and_a_stranger_gets_404(jonas, stranger, team):
    path, body = f"/api/teams/{team.pk}/members", {"user_id": str(stranger.pk), "role": "owner"}
    assert post(bearer(jonas), path, body).status_code == 403
    assert post(bearer(stranger), path, body).status_code == 404
    assert bearer(jonas).delete(f"{path}/{jonas.pk}").status_code == 403
    assert team.memberships.count() == 2


def test_the_last_owner_can_be_neither_removed_nor_demoted(admin, lea, jonas, team):
    client, path = bearer(admin), f"/api/teams/{team.pk}/members"
    assert client.delete(f"{path}/{lea.pk}").json()["code"] == "last_owner"
    assert post(client, path, {"user_id": str(lea.pk), "role": "member"}).status_code == 409
    assert post(client, path, {"user_id": str(jonas.pk), "role": "owner"}).status_code == 200
    assert client.delete(f"{path}/{lea.pk}").status_code == 204
    assert [row.user for row in Membership.objects.filter(team=team)] == [jonas]


@pytest.mark.parametrize("user_id", [None, 1, "nope", "00000000-0000-0000-0000-000000000000", [], "\ud800"])
def test_an_unusable_user_id_is_400(lea, team, user_id):
    answer = post(bearer(lea), f"/api/teams/{team.pk}/members", {"user_id": user_id, "role": "member"})
    assert answer.status_code == 400
    assert team.memberships.count() == 2


def test_the_deactivated_join_no_team(lea, team):
    gone = person("gone@lab.org", is_active=False)
    answer = post(bearer(lea), f"/api/teams/{team.pk}/members", {"user_id": str(gone.pk), "role": "member"})
    assert answer.status_code == 400


# --- Role grants ----------------------------------------------------------------------------------------------------


def test_a_grant_is_created_told_listed_and_revoked_once(admin, lea, team):
    client = bearer(admin)
    until = timezone.now() + timedelta(days=30)
    body = {"user_id": str(lea.pk), "role": "qa_lead", "team_id": str(team.pk), "valid_until": until.isoformat()}
    made = post(client, "/api/role-grants", body)
    assert made.status_code == 201
    grant = RoleGrant.objects.get(pk=made.json()["id"])
    assert (grant.user, grant.role, grant.team, grant.granted_by) == (lea, "qa_lead", team, admin)
    assert lea.notifications.filter(kind=AccountAction.ROLE_GRANTED).count() == 1
    assert [row["id"] for row in client.get("/api/role-grants").json()["items"]] == [str(grant.pk)]
    assert client.delete(f"/api/role-grants/{grant.pk}").status_code == 204
    assert client.delete(f"/api/role-grants/{grant.pk}").status_code == 409
    grant.refresh_from_db()
    assert grant.revoked_by == admin
    assert client.get("/api/role-grants").json()["items"] == []


def test_the_same_grant_twice_is_409(admin, lea):
    client, body = bearer(admin), {"user_id": str(lea.pk), "role": "qa", "team_id": None}
    assert [post(client, "/api/role-grants", body).status_code for _ in range(2)] == [201, 409]
    assert RoleGrant.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role": "QA lead"}, "role"),
        ({"role": "q\na"}, "role"),
        ({"role": ""}, "role"),
        ({"role": "x" * 51}, "role"),
        ({"team_id": "nope"}, "team_id"),
        ({"team_id": "00000000-0000-0000-0000-000000000000"}, "team_id"),
        ({"valid_until": "2001-01-01T00:00:00Z"}, "valid_until"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"valid_untill": "2999-01-01T00:00:00Z"}, "valid_untill"),
    ],
)
def test_an_unusable_grant_is_400_and_nothing_is_granted(admin, lea, change, field):
    answer = post(bearer(admin), "/api/role-grants", {"user_id": str(lea.pk), "role": "qa", **change})
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {field}
    assert not RoleGrant.objects.exists()


# --- Lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/users", "/api/teams", "/api/role-grants"])
def test_lists_ask_the_same_number_of_queries_for_1_and_30_rows(admin, path, django_assert_num_queries):
    client = bearer(admin)
    client.get("/api/users/me")
    counts = []
    for many in (1, 29):
        for number in range(many):
            user = person(f"p{many}-{number}@lab.org")
            team = Team.objects.create(name=f"T{many}-{number}")
            Membership.objects.create(team=team, user=user, role="owner")
            RoleGrant.objects.create(user=user, team=team, role="qa")
        with django_assert_num_queries(3 if path == "/api/teams" else 2):
            answer = client.get(path)
        counts.append(len(answer.json()["items"]))
    assert counts[1] - counts[0] == 29


def test_lists_page_by_cursor_without_gaps(admin):
    for number in range(7):
        person(f"p{number}@lab.org")
    client, seen, cursor = bearer(admin), [], ""
    while cursor is not None:
        page = client.get("/api/users", {"limit": 3, "cursor": cursor}).json()
        seen += [row["email"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["admin@lab.org", *(f"p{number}@lab.org" for number in range(7))]


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"cursor": "\x00"}, {"limit": "0"}, {"limit": "-1"}, {"limit": "a"}]
)
def test_a_malformed_cursor_or_limit_is_400(admin, query):
    assert bearer(admin).get("/api/users", query).status_code == 400
