"""A change of password or of the second factor ends a person's other sessions and API sign-ins, and keeps this one."""

import re

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import second_factor
from accounts.models import ApiToken, RoleGrant, User
from accounts.second_factor import is_enrolled
from accounts.tests.conftest import PASSWORD, bearer
from accounts.tests.phone import Phone
from accounts.transitions import create_token, reset_password
from accounts.transitions_second_factor import enrol_second_factor, remove_second_factor_of
from ledger.errors import NotAllowed

NEW = "a better word 7"
CHANGE, API_CHANGE, FACTOR = "/account/password/", "/api/users/me/password", "/account/second-factor/"


def browser_of(user):
    client = Client()
    client.force_login(user)
    return client


def is_in(client):
    return client.get("/account/").status_code == 200


def named_token(user, name="plate reader"):
    return create_token(user, by=user, name=name, expires_at=bearer(user).token_row.expiry)[0]


def change(client, **given):
    return client.post(CHANGE, {"old_password": PASSWORD, "new_password": NEW, "repeated": NEW} | given)


def changed(user):
    return User.objects.get(pk=user.pk).check_password(NEW)


# --- The password asks for the code ---------------------------------------------------------------------------------


def test_who_is_enrolled_changes_the_password_with_a_code(lea):
    phone = Phone.of(lea)
    client = browser_of(lea)
    assert 'name="code"' in client.get(CHANGE).content.decode()
    code = phone.code()
    assert change(client).status_code == 400
    refused = change(client, code=phone.wrong())
    assert refused.status_code == 403
    assert "The code is wrong" in refused.content.decode()
    assert change(client, code=code, new_password="short", repeated="short").status_code == 400
    assert not changed(lea)
    assert change(client, code=code).status_code == 302  # what was refused for another reason used up no code
    assert changed(lea)
    assert [row.kind for row in lea.notifications.all()] == ["user.password_changed"]
    assert is_in(client)


def test_who_is_not_enrolled_is_asked_for_no_code(lea):
    assert 'name="code"' not in browser_of(lea).get(CHANGE).content.decode()


def test_also_a_change_that_is_due_asks_for_the_code(lea, admin):
    phone = Phone.of(lea)
    reset_password(lea.pk, by=admin, new_password="set by another 1")
    client = browser_of(User.objects.get(pk=lea.pk))
    assert change(client, old_password="set by another 1").status_code == 400
    assert change(client, old_password="set by another 1", code=phone.recovery[0]).status_code == 302


def test_the_api_asks_for_the_code_too(lea):
    phone = Phone.of(lea)
    client = bearer(lea)
    body = {"password": PASSWORD, "new_password": NEW}
    answers = [client.post(API_CHANGE, body | given, format="json") for given in ({}, {"code": phone.wrong()})]
    assert [answer.json()["code"] for answer in answers] == ["second_factor_required", "wrong_code"]
    assert client.post(API_CHANGE, body | {"code": phone.code()}, format="json").status_code == 204
    assert changed(lea)


def test_an_administrator_too_changes_the_own_password_nowhere_else(admin, client):
    with pytest.raises(NotAllowed, match="on your account page"):
        reset_password(admin.pk, by=admin, new_password=NEW)
    answer = bearer(admin).patch(f"/api/users/{admin.pk}", {"full_name": "A", "password": NEW}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "own_password")
    client.force_login(admin)
    form = {"email": admin.email, "full_name": "A", "is_active": "on", "is_admin": "on", "new_password": NEW}
    page = client.post(f"/admin/accounts/user/{admin.pk}/change/", form).content.decode()
    assert "Change your own password on your account page." in page
    assert User.objects.get(pk=admin.pk).full_name == "Ada Ng"
    assert not changed(admin)


# --- What ends ------------------------------------------------------------------------------------------------------


def test_tokens_with_a_name_stay_and_the_page_says_so(lea):
    token, client = named_token(lea), browser_of(lea)
    assert "Revoke my API token too" in client.get(CHANGE).content.decode()
    answer = client.post(CHANGE, {"old_password": PASSWORD, "new_password": NEW, "repeated": NEW}, follow=True)
    assert "1 API token stays" in answer.content.decode()
    assert list(ApiToken.objects.all()) == [token]


def test_whoever_makes_a_token_with_a_name_is_told(lea):
    bearer(lea)
    assert not lea.notifications.exists()
    named_token(lea)
    assert lea.notifications.get().title == "A new API token was made for your account"


def test_tokens_with_a_name_are_revoked_where_one_says_so(lea):
    named_token(lea)
    answer = browser_of(lea).post(
        CHANGE, {"old_password": PASSWORD, "new_password": NEW, "repeated": NEW, "revoke_tokens": "on"}, follow=True
    )
    assert "Your API tokens are revoked." in answer.content.decode()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("revoke", [False, True])
def test_over_the_api_the_token_of_the_call_stays(lea, revoke):
    named, other, mine = named_token(lea), bearer(lea), bearer(lea)
    body = {"password": PASSWORD, "new_password": NEW, "revoke_tokens": revoke}
    assert mine.post(API_CHANGE, body, format="json").status_code == 204
    assert mine.get("/api/users/me").status_code == 200
    assert other.get("/api/users/me").status_code == 401
    assert ApiToken.objects.filter(pk=named.pk).exists() is not revoke


def test_over_the_api_the_session_of_the_call_stays(lea):
    mine, other = APIClient(), browser_of(lea)
    mine.force_login(lea)
    assert mine.post(API_CHANGE, {"password": PASSWORD, "new_password": NEW}, format="json").status_code == 204
    assert is_in(mine)
    assert not is_in(other)


def test_setting_a_second_factor_up_ends_other_sessions_and_keeps_this_one(lea):
    mine, other, script, named = browser_of(lea), browser_of(lea), bearer(lea), named_token(lea)
    page = mine.post(FACTOR + "start/", {"password": PASSWORD}).content.decode()
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)[1]
    setup = re.search(r'name="setup" value="([^"]+)"', page)[1]
    done = mine.post(FACTOR + "confirm/", {"setup": setup, "code": Phone(secret).code()})
    assert "Your other sessions and API sign-ins have ended" in done.content.decode()
    assert is_in(mine)
    assert not is_in(other)
    assert script.get("/api/users/me").status_code == 401
    assert list(ApiToken.objects.all()) == [named]


def test_removing_it_ends_other_sessions_and_keeps_this_one(lea):
    phone = Phone.of(lea)
    mine, other, script = browser_of(lea), browser_of(lea), bearer(lea)
    answer = mine.post(FACTOR + "remove/", {"password": PASSWORD, "code": phone.recovery[0]}, follow=True)
    assert "Your other sessions and API sign-ins have ended" in answer.content.decode()
    assert is_in(mine)
    assert not is_in(other)
    assert script.get("/api/users/me").status_code == 401


def test_an_administrator_who_removes_it_ends_them_all(lea, admin):
    Phone.of(lea)
    client, script = browser_of(lea), bearer(lea)
    remove_second_factor_of(lea.pk, by=admin, reason="Seen in person")
    assert not is_in(client)
    assert script.get("/api/users/me").status_code == 401
    assert is_in(browser_of(lea))


def test_a_session_begun_before_the_factor_was_there_is_over(lea):
    client = browser_of(lea)
    session = client.session
    setup = second_factor.new_setup(lea, now=lea.date_joined)
    enrol_second_factor(lea, by=lea, setup=setup, code=Phone(setup.secret).code())
    assert is_enrolled(lea)
    assert not is_in(client)
    assert client.session.session_key != session.session_key


def test_a_new_code_or_new_recovery_codes_end_nothing(lea):
    phone = Phone.of(lea)
    mine, other = browser_of(lea), browser_of(lea)
    assert mine.post(FACTOR + "recovery-codes/", {"password": PASSWORD, "code": phone.code()}).status_code == 201
    assert is_in(mine)
    assert is_in(other)


# --- Who a page shows -----------------------------------------------------------------------------------------------


def test_the_navigation_shows_role_and_team(lea, jonas, admin, stranger, team):
    RoleGrant.objects.create(user=lea, role="qa_lead", team=team)
    shown = {user: browser_of(user).get("/account/").content.decode() for user in (lea, jonas, admin, stranger)}
    assert ">QA lead · Assay</small>" in shown[lea]
    assert ">Member · Assay</small>" in shown[jonas]
    assert ">Administrator</small>" in shown[admin]
    assert f">{stranger.email}</small>" in shown[stranger]
    RoleGrant.objects.create(user=jonas, role="compliance")
    assert ">Compliance · every team</small>" in browser_of(jonas).get("/account/").content.decode()


def test_the_person_of_a_session_is_loaded_by_one_query(lea, team, django_assert_num_queries):
    Phone.of(lea)
    client = browser_of(lea)
    is_in(client)
    with django_assert_num_queries(2):  # the session, and the person
        client.get("/api/docs/")
