"""Signing in over the API, bearer tokens and what ends them."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.enums import AccountAction
from accounts.lockout import ACCOUNT_LIMIT, ADDRESS_LIMIT
from accounts.models import AccountEvent, ApiToken, Notification, RoleGrant
from accounts.tests.conftest import PASSWORD, bearer, person

LOGIN = "/api/auth/login"
ME = "/api/users/me"


def login(email, password, address="203.0.113.7"):
    return APIClient(REMOTE_ADDR=address).post(LOGIN, {"email": email, "password": password}, format="json")


def test_a_login_answers_token_expiry_and_user(lea):
    answer = login("LEA@lab.org ", PASSWORD)
    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "expires_at", "user"}
    assert answer.json()["user"] == {"id": str(lea.pk), "email": "lea@lab.org", "full_name": "Lea Novak"}
    assert answer.json()["expires_at"].endswith("Z")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    assert client.get(ME).json()["email"] == "lea@lab.org"


def test_the_token_is_stored_as_a_digest_only(lea):
    token = login("lea@lab.org", PASSWORD).json()["token"]
    row = ApiToken.objects.get()
    assert token not in json.dumps([row.digest, row.token_key, row.name])
    assert token not in AccountEvent.objects.get(action=AccountAction.TOKEN_CREATED).body


@pytest.mark.parametrize("password", ["wrong", "", "x" * 1025, "nul\x00", "\ud800"])
@pytest.mark.parametrize("email", ["lea@lab.org", "nobody@lab.org", "x" * 300, "nul\x00@lab.org", "\ud800@lab.org", ""])
def test_wrong_credentials_are_401_or_400_and_leave_no_token(lea, email, password):
    answer = login_raw({"email": email, "password": password})
    assert answer.status_code in (400, 401)
    assert answer["Content-Type"] == "application/problem+json"
    assert not ApiToken.objects.exists()


def login_raw(body):
    return APIClient().post(LOGIN, json.dumps(body), content_type="application/json")


def test_unknown_wrong_and_deactivated_answer_alike(lea, jonas):
    jonas.is_active = False
    jonas.save()
    answers = [login("lea@lab.org", "wrong"), login("nobody@lab.org", "wrong"), login("jonas@lab.org", PASSWORD)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{",
        b"[" * 60_000,
        b'{"email": {"a": 1}, "password": []}',
        b'{"email": NaN}',
        b"\xff\xfe",
    ],
)
def test_a_body_of_the_wrong_shape_is_400(db, body):
    assert APIClient().post(LOGIN, body, content_type="application/json").status_code == 400


def test_a_body_of_ten_megabytes_is_413(db):
    body = b'{"email": "' + b"x" * 10_000_000 + b'", "password": "x"}'
    assert APIClient().post(LOGIN, body, content_type="application/json").status_code == 413


def test_an_account_is_locked_after_repeated_failures_from_any_address_and_the_right_password_too(lea, admin):
    for number in range(ACCOUNT_LIMIT):
        assert login("lea@lab.org", "wrong", address=f"203.0.113.{number}").status_code == 401
    locked = login("lea@lab.org", PASSWORD, address="198.51.100.1")
    assert locked.status_code == 429
    assert int(locked["Retry-After"]) > 0
    assert locked.json()["code"] == "locked_out"
    assert AccountEvent.objects.filter(action=AccountAction.SIGN_IN_FAILED, about=lea).count() == ACCOUNT_LIMIT
    assert AccountEvent.objects.filter(action=AccountAction.LOCKED, about=lea).count() == 1
    told = Notification.objects.filter(kind=AccountAction.LOCKED)
    assert {row.user_id for row in told} == {lea.pk, admin.pk}


def test_an_unknown_address_is_locked_like_a_known_one(db):
    statuses = [
        login("nobody@lab.org", "wrong", address=f"203.0.113.{n}").status_code for n in range(ACCOUNT_LIMIT + 1)
    ]
    assert statuses == [401] * ACCOUNT_LIMIT + [429]


def test_one_address_that_tries_many_accounts_is_locked(lea):
    statuses = [login(f"nobody{n}@lab.org", "wrong").status_code for n in range(ADDRESS_LIMIT + 1)]
    assert statuses == [401] * ADDRESS_LIMIT + [429]
    assert login("lea@lab.org", PASSWORD).status_code == 429
    assert login("lea@lab.org", PASSWORD, address="198.51.100.1").status_code == 200


def test_a_forwarded_address_is_not_believed_without_a_proxy_of_ours(lea):
    for number in range(ADDRESS_LIMIT):
        client = APIClient(REMOTE_ADDR="203.0.113.7", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")
        client.post(LOGIN, {"email": f"x{number}@lab.org", "password": "wrong"}, format="json")
    assert login("lea@lab.org", PASSWORD).status_code == 429


def test_the_right_password_clears_the_count(lea):
    for _ in range(2):
        for _ in range(ACCOUNT_LIMIT - 1):
            login("lea@lab.org", "wrong")
        assert login("lea@lab.org", PASSWORD).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer a b",
        "Bearer " + "x" * 5000,
        "Bearer \xff\xfe",
        "Bearer bl_nope",
        "Token abc",
        "Basic bGVhOng=",
        "Bearer \x00",
    ],
)
def test_a_broken_authorization_header_is_401(db, header):
    assert APIClient(HTTP_AUTHORIZATION=header).get(ME).status_code == 401


def test_without_sign_in_it_is_401_with_a_challenge(db):
    answer = APIClient().get(ME)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_an_expired_token_is_401(lea):
    client = bearer(lea)
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert client.get(ME).status_code == 401


def test_a_read_token_reads_and_does_not_write(admin):
    client = bearer(admin, scope="read")
    assert client.get("/api/users").status_code == 200
    refused = client.post("/api/teams", {"name": "New"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "token_scope")
    assert client.delete("/api/role-grants/nope").status_code == 403


def test_deactivation_stops_token_and_session_at_once(lea, client):
    api = bearer(lea)
    client.force_login(lea)
    assert api.get(ME).status_code == client.get(ME).status_code == 200
    lea.is_active = False
    lea.save()
    assert api.get(ME).status_code == client.get(ME).status_code == 401


def test_logout_revokes_this_token_and_logoutall_every_one(lea, jonas):
    first, second, third, other = bearer(lea), bearer(lea), bearer(lea), bearer(jonas)
    assert first.post("/api/auth/logout").status_code == 204
    assert (first.get(ME).status_code, second.get(ME).status_code) == (401, 200)
    assert second.post("/api/auth/logoutall").status_code == 204
    assert (third.get(ME).status_code, other.get(ME).status_code) == (401, 200)


def test_the_last_use_of_a_token_is_noted(lea):
    client = bearer(lea)
    assert client.token_row.last_used_at is None
    client.get(ME)
    assert ApiToken.objects.get().last_used_at is not None


def test_a_session_needs_csrf_and_a_token_does_not(lea):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(lea)
    assert browser.post("/api/auth/logoutall").status_code == 403
    assert bearer(lea).post("/api/auth/logoutall").status_code == 204


def test_me_lists_teams_and_grants_in_force(lea, team, admin):
    RoleGrant.objects.create(user=lea, role="qa", team=team)
    RoleGrant.objects.create(user=lea, role="scientist", valid_until=timezone.now() - timedelta(days=1))
    RoleGrant.objects.create(user=lea, role="approver", revoked_at=timezone.now(), revoked_by=admin)
    me = bearer(lea).get(ME).json()
    assert me["teams"] == [{"id": str(team.pk), "name": "Assay", "role": "owner"}]
    assert [(grant["role"], grant["team_id"]) for grant in me["role_grants"]] == [("qa", str(team.pk))]


def test_who_got_a_password_from_somebody_else_must_change_it_first(lea):
    lea.must_change_password = True
    lea.save()
    client = bearer(lea)
    assert client.get(ME).json()["must_change_password"] is True
    refused = client.get("/api/teams")
    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")
    body = {"password": PASSWORD, "new_password": "a better word 7"}
    assert client.post("/api/users/me/password", body, format="json").status_code == 204
    fresh = APIClient()
    fresh.credentials(HTTP_AUTHORIZATION="Bearer " + login("lea@lab.org", "a better word 7").json()["token"])
    assert fresh.get("/api/teams").status_code == 200


def test_many_sign_ins_of_a_script_do_not_lock_it_out(lea, monkeypatch):
    monkeypatch.setattr("accounts.transitions.SIGN_INS_PER_PERSON", 3)
    for _ in range(5):
        assert login("lea@lab.org", PASSWORD).status_code == 200
    assert ApiToken.objects.count() == 3


def test_the_same_password_of_two_people_does_not_mix_them_up(lea):
    other = person("lea2@lab.org")
    assert login("lea2@lab.org", PASSWORD).json()["user"]["id"] == str(other.pk)
