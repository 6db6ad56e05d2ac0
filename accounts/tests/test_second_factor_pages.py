"""Second factors as people meet them: sign-in in two steps, the page of one's own, the admin, the API."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import sign_in, transitions
from accounts.enums import AccountAction
from accounts.lockout import ACCOUNT_LIMIT
from accounts.models import AccountEvent, ApiToken, User
from accounts.second_factor import is_enrolled
from accounts.tests.conftest import PASSWORD
from accounts.tests.phone import Phone

SIGN_IN, CODE, PAGE = "/sign-in/", "/sign-in/code/", "/account/second-factor/"
HOSTILE = ["1\x00", "１２３４５６", "9" * 100_000, "'\"><script>", "\u202e123456", ""]


@pytest.fixture
def phone(lea):
    return Phone.of(lea)


@pytest.fixture
def lea_in(client, lea):
    client.force_login(lea)
    return client


def password_step(client, **given):
    return client.post(SIGN_IN, {"email": "lea@lab.org", "password": PASSWORD, "next": "/people/", **given})


def signed_in(client):
    return "_auth_user_id" in client.session


# --- Signing in -------------------------------------------------------------------------------------------------------


def test_after_the_password_the_code_signs_in_and_leads_on(client, lea, phone):
    answer = password_step(client)
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    assert not signed_in(client)
    assert client.get("/account/").status_code == 302
    assert "lea@lab.org" in client.get(CODE).content.decode()
    before = client.session.session_key
    answer = client.post(CODE, {"code": phone.code()})
    assert (answer.status_code, answer["Location"]) == (302, "/people/")
    assert client.session.session_key != before
    assert sign_in.WAITING not in client.session
    assert client.get("/account/").status_code == 200
    assert AccountEvent.objects.filter(action=AccountAction.SIGNED_IN).count() == 1


def test_a_recovery_code_signs_in_once(lea, phone):
    for status in (302, 403):
        client = Client()
        password_step(client)
        assert client.post(CODE, {"code": phone.recovery[0]}).status_code == status
        assert signed_in(client) == (status == 302)


def test_a_wrong_password_does_not_lead_to_the_code(client, lea, phone):
    assert password_step(client, password="wrong").status_code == 403
    assert client.get(CODE)["Location"] == SIGN_IN
    assert client.post(CODE, {"code": phone.code()})["Location"] == SIGN_IN


@pytest.mark.parametrize("code", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_code_is_a_form_error(client, lea, phone, code):
    password_step(client)
    answer = client.post(CODE, {"code": code})
    assert answer.status_code in (400, 403)
    assert 'name="code"' in answer.content.decode()
    assert "<script>'" not in answer.content.decode()
    assert not signed_in(client)


def test_the_step_ends_after_five_minutes_and_the_reason_is_said(client, lea, phone, monkeypatch):
    password_step(client)
    late = timezone.now() + timedelta(minutes=6)
    monkeypatch.setattr("accounts.second_factor_views.timezone.now", lambda: late)
    answer = client.post(CODE, {"code": phone.code()}, follow=True)
    assert answer.redirect_chain == [(SIGN_IN + "?next=/people/", 302)]
    assert "Too much time passed" in answer.content.decode()
    assert not signed_in(client)


@pytest.mark.parametrize("change", ["deactivated", "password"])
def test_a_change_of_the_account_between_the_steps_ends_it(client, lea, phone, admin, change):
    password_step(client)
    if change == "deactivated":
        User.objects.filter(pk=lea.pk).update(is_active=False)
    else:
        transitions.reset_password(lea.pk, by=admin, new_password="another word 77")
    assert client.post(CODE, {"code": phone.code()})["Location"] == SIGN_IN + "?next=/people/"
    assert client.get(CODE)["Location"] == SIGN_IN
    assert not signed_in(client)


def test_where_somebody_else_is_signed_in_the_password_ends_their_session(client, lea, jonas, phone):
    client.force_login(jonas)
    password_step(client)
    assert not signed_in(client)
    assert "lea@lab.org" in client.get(CODE).content.decode()
    client.post(CODE, {"code": phone.code()})
    assert client.session["_auth_user_id"] == str(lea.pk)


def test_guessing_codes_is_locked_and_the_password_step_does_not_help(client, lea, phone):
    for _ in range(ACCOUNT_LIMIT):
        password_step(client)
        assert client.post(CODE, {"code": phone.wrong()}).status_code == 403
    locked = client.post(CODE, {"code": phone.code()})
    assert locked.status_code == 429
    assert "Too many wrong passwords" in locked.content.decode()
    assert password_step(client).status_code == 429
    assert AccountEvent.objects.filter(action=AccountAction.LOCKED, about=lea).count() == 1


def test_neither_code_nor_secret_gets_into_a_log_line(client, lea, phone, caplog, capfd):
    caplog.set_level("DEBUG")
    wrong, code = phone.wrong(), phone.code()
    password_step(client)
    client.post(CODE, {"code": wrong})
    client.post(CODE, {"code": code})
    logged = caplog.text + "".join(capfd.readouterr())
    assert "/sign-in/code/" in logged
    assert not any(word in logged for word in (phone.secret, code, PASSWORD))


def test_the_code_needs_csrf(lea, phone):
    assert Client(enforce_csrf_checks=True).post(CODE, {"code": phone.code()}).status_code == 403


# --- The API ----------------------------------------------------------------------------------------------------------


def login(client, **more):
    body = {"email": "lea@lab.org", "password": PASSWORD, **more}
    return client.post("/api/auth/login", body, content_type="application/json")


def test_a_login_over_the_api_takes_the_code_too(client, lea, phone):
    for more, code in (({}, "second_factor_required"), ({"code": phone.wrong()}, "wrong_code")):
        answer = login(client, **more)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    code = phone.code()  # once: half a minute may end between two lines
    assert login(client, password="wrong", code=code).json()["code"] == "wrong_credentials"
    assert login(client, code=code).status_code == 200
    assert login(client, code=code).status_code == 401
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("code", [*HOSTILE, 123456, ["1"], None, {}], ids=range(len(HOSTILE) + 4))
def test_what_is_no_code_is_refused_by_the_api(client, lea, phone, code):
    assert login(client, code=code).status_code in (400, 401, 413)
    assert not ApiToken.objects.exists()


# --- The page ---------------------------------------------------------------------------------------------------------


def started(client, password=PASSWORD):
    return client.post(PAGE + "start/", {"password": password})


def shown(answer):
    """`(secret, setup)` as the page has them."""
    html = answer.content.decode()
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', html)[1]
    return secret, re.search(r'name="setup" value="([^"]+)"', html)[1]


def test_setting_it_up_shows_picture_secret_and_link_then_the_recovery_codes_once(lea_in, lea):
    assert "Set it up" in lea_in.get(PAGE).content.decode()
    answer = started(lea_in)
    html = answer.content.decode()
    secret, setup = shown(answer)
    assert "<svg" in html
    assert " ".join(secret[at : at + 4] for at in range(0, 32, 4)) in html
    assert f"otpauth://totp/lea%40lab.org?secret={secret}&amp;issuer=BioLabs" in html
    assert " style=" not in html
    assert "no-store" in answer["Cache-Control"]
    done = lea_in.post(PAGE + "confirm/", {"setup": setup, "code": Phone(secret).code()})
    codes = re.findall(r"<code>(\d{4} \d{4})</code>", done.content.decode())
    assert (done.status_code, len(codes)) == (201, 10)
    assert "no-store" in done["Cache-Control"]
    assert is_enrolled(lea)
    later = lea_in.get(PAGE).content.decode() + lea_in.get("/account/").content.decode()
    assert secret not in later
    assert not any(code in later for code in codes)


def test_a_stolen_session_sees_no_secret_without_the_password(phone, lea_in, lea):
    for path in ("start/", "recovery-codes/", "remove/"):
        for given in ({}, {"password": "wrong", "code": phone.code()}, {"code": phone.code()}):
            assert lea_in.post(PAGE + path, given).status_code in (400, 403, 409)
    assert is_enrolled(lea)
    assert phone.secret not in lea_in.get(PAGE).content.decode()


def test_guessing_the_password_here_is_locked(lea_in):
    assert [started(lea_in, "wrong").status_code for _ in range(ACCOUNT_LIMIT + 1)] == [403] * ACCOUNT_LIMIT + [429]


@pytest.mark.parametrize("code", HOSTILE, ids=range(len(HOSTILE)))
def test_a_first_code_that_does_not_fit_shows_the_same_secret_again(lea_in, lea, code):
    secret, setup = shown(started(lea_in))
    again = lea_in.post(PAGE + "confirm/", {"setup": setup, "code": code})
    assert again.status_code == 400
    assert shown(again) == (secret, setup)
    assert not is_enrolled(lea)


@pytest.mark.parametrize("setup", ["", "x", "\x00", "é", "x" * 5000], ids=range(5))
def test_a_setup_nobody_made_starts_again(lea_in, lea, setup):
    answer = lea_in.post(PAGE + "confirm/", {"setup": setup, "code": "123456"}, follow=True)
    assert answer.status_code == 200
    assert "Start again with your password" in answer.content.decode()
    assert not is_enrolled(lea)


def test_a_setup_sent_twice_does_not_show_the_active_secret_again(lea_in, lea):
    secret, setup = shown(started(lea_in))
    sent = {"setup": setup, "code": Phone(secret).code()}
    assert lea_in.post(PAGE + "confirm/", sent).status_code == 201
    again = lea_in.post(PAGE + "confirm/", sent, follow=True)
    assert again.redirect_chain == [(PAGE, 302)]
    assert "Make new recovery codes if you did not see them" in again.content.decode()
    assert secret not in again.content.decode()


def test_new_codes_and_removal_on_the_page(phone, lea_in, lea):
    given = {"password": PASSWORD, "code": phone.code()}
    made = lea_in.post(PAGE + "recovery-codes/", given)
    codes = re.findall(r"<code>(\d{4} \d{4})</code>", made.content.decode())
    assert (made.status_code, len(codes)) == (201, 10)
    assert not set(codes) & set(phone.recovery)
    refused = lea_in.post(PAGE + "remove/", given)
    assert refused.status_code == 403
    assert "used already" in refused.content.decode()
    assert lea_in.post(PAGE + "remove/", given | {"code": codes[0]}).status_code == 302
    assert not is_enrolled(lea)


def test_the_page_asks_for_sign_in_and_its_posts_are_posts(client, lea_in):
    assert Client().get(PAGE)["Location"].startswith(SIGN_IN)
    for path in ("start/", "confirm/", "recovery-codes/", "remove/"):
        assert lea_in.get(PAGE + path).status_code == 405
        assert Client().post(PAGE + path).status_code == 302


def test_where_signing_needs_one_the_pages_say_so(lea_in, settings):
    settings.SECOND_FACTOR_REQUIRED_TO_SIGN = True
    assert "Signing needs a second factor here" in lea_in.get(PAGE).content.decode()
    assert "Signing records needs one here" in lea_in.get("/account/").content.decode()


# --- The admin --------------------------------------------------------------------------------------------------------


USERS = "/admin/accounts/user/"


def removal(client, *people, **more):
    chosen = [str(person.pk) for person in people]
    return client.post(USERS, {"action": "remove_second_factor", "_selected_action": chosen, **more}, follow=True)


def test_an_administrator_lets_somebody_back_in_with_a_reason(admin, lea, phone):
    boss = Client()
    boss.force_login(admin)
    assert "Yes, remove it" in removal(boss, lea).content.decode()
    assert "This field is required" in removal(boss, lea, confirm="yes", reason="").content.decode()
    assert removal(boss, lea, confirm="yes", reason="a\u202eb").status_code == 200
    assert is_enrolled(lea)
    answer = removal(boss, lea, confirm="yes", reason="Phone lost, seen in person")
    assert "was told so" in answer.content.decode()
    assert not is_enrolled(lea)
    assert AccountEvent.objects.get(action=AccountAction.SECOND_FACTOR_REMOVED).actor == admin


def test_the_admin_shows_no_secret_and_removes_one_at_a_time(admin, lea, jonas, phone):
    Phone.of(admin)
    boss = Client()
    boss.force_login(admin)
    assert "one person at a time" in removal(boss, lea, jonas).content.decode()
    assert "has no second factor" in removal(boss, jonas, confirm="yes", reason="Because").content.decode()
    assert "on your account page" in removal(boss, admin, confirm="yes", reason="Because").content.decode()
    assert boss.get("/admin/mfa/authenticator/").status_code == 404
    assert phone.secret not in boss.get(f"{USERS}{lea.pk}/change/").content.decode()


def test_only_administrators_remove_it_for_others(lea, jonas, phone):
    other = Client()
    other.force_login(jonas)
    assert removal(other, lea, confirm="yes", reason="Because").status_code == 403
    assert is_enrolled(lea)
