"""The pages of sign-in and of one's own account."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.enums import AccountAction
from accounts.lockout import ACCOUNT_LIMIT
from accounts.models import AccountEvent, ApiToken, Notification, RoleGrant, User
from accounts.tests.conftest import PASSWORD, bearer, person

SIGN_IN = "/sign-in/"


def sign_in(client, email="lea@lab.org", password=PASSWORD, **more):
    return client.post(SIGN_IN, {"email": email, "password": password, **more})


@pytest.fixture
def lea_in(client, lea):
    client.force_login(lea)
    return client


# --- Sign-in --------------------------------------------------------------------------------------------------------


def test_signing_in_leads_on_and_is_recorded(client, lea):
    answer = sign_in(client, next="/account/?tab=1")
    assert (answer.status_code, answer["Location"]) == (302, "/account/?tab=1")
    assert client.get("/account/").status_code == 200
    event = AccountEvent.objects.get(action=AccountAction.SIGNED_IN)
    assert (event.actor, event.address) == (lea, "127.0.0.1")


@pytest.mark.parametrize(
    "where",
    [
        "//evil.org",
        "https://evil.org",
        "/\\evil.org",
        "\\\\evil.org",
        "javascript:alert(1)",
        "///evil.org",
        "evil.org",
        "/%0d%0aSet-Cookie:x=1\r\n",
        "/ok\x00",
        "",
        "/" + "x" * 5000,
        "http:///evil.org",
        "/\t/evil.org",
    ],
)
def test_next_never_leaves_the_portal(client, lea, where):
    assert sign_in(client, next=where)["Location"] == "/"
    assert client.get(SIGN_IN, {"next": where})["Location"] == "/"


def test_a_protected_page_asks_to_sign_in_and_comes_back(client, lea):
    asked = client.get("/account/notifications/?unread=1")
    assert asked["Location"] == "/sign-in/?next=/account/notifications/%3Funread%3D1"
    page = client.get(asked["Location"]).content.decode()
    assert 'value="/account/notifications/?unread=1"' in page


def test_a_wrong_password_keeps_the_address_and_never_the_password(client, lea):
    answer = sign_in(client, password="wrong-secret", next="/account/")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "The e-mail address or the password is wrong." in page
    assert 'value="lea@lab.org"' in page
    assert 'value="/account/"' in page
    assert "wrong-secret" not in page
    assert not client.session.get("_auth_user_id")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "x" * 300,
        "a\x00b",
        "no address",
        "\ud800".encode("utf-8", "surrogatepass"),
        "x" * 2_000_000,
        "x" * 10_000_000,
    ],
)
def test_an_unusable_address_is_refused(client, lea, email):
    assert sign_in(client, email=email).status_code in (400, 403, 413)


def test_repeated_failures_lock_and_an_administrator_unlocks(client, lea, admin):
    for _ in range(ACCOUNT_LIMIT):
        assert sign_in(client, password="wrong").status_code == 403
    locked = sign_in(client)
    assert locked.status_code == 429
    assert "Too many wrong passwords" in locked.content.decode()
    boss = Client()
    boss.force_login(admin)
    boss.post("/admin/accounts/user/", {"action": "unlock", "_selected_action": [str(lea.pk)]})
    assert sign_in(client).status_code == 302
    assert AccountEvent.objects.get(action=AccountAction.UNLOCKED).actor == admin


def test_the_session_changes_its_key_at_sign_in(client, lea):
    client.get(SIGN_IN)
    client.session["x"] = 1
    before = client.session.session_key
    sign_in(client)
    assert client.session.session_key != before


def test_sign_in_needs_csrf(lea):
    assert sign_in(Client(enforce_csrf_checks=True)).status_code == 403


def test_sign_out_is_a_post(lea_in):
    assert lea_in.get("/sign-out/").status_code == 405
    assert lea_in.get("/account/").status_code == 200
    assert lea_in.post("/sign-out/")["Location"] == SIGN_IN
    assert lea_in.get("/account/").status_code == 302


def test_a_deactivated_persons_session_ends_at_once(lea_in, lea, admin):
    bearer(admin).patch(f"/api/users/{lea.pk}", {"is_active": False}, format="json")
    assert lea_in.get("/account/").status_code == 302
    assert sign_in(Client()).status_code == 403


# --- Password -------------------------------------------------------------------------------------------------------


def change(client, old=PASSWORD, new="a better word 7", repeated=None):
    return client.post(
        "/account/password/",
        {"old_password": old, "new_password": new, "repeated": new if repeated is None else repeated},
    )


def test_changing_the_password_keeps_this_session_and_ends_the_others(lea_in, lea):
    other = Client()
    other.force_login(lea)
    bearer(lea)
    assert change(lea_in).status_code == 302
    assert lea_in.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert not ApiToken.objects.exists()
    assert AccountEvent.objects.filter(action=AccountAction.PASSWORD_CHANGED, about=lea).count() == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"old": "wrong"}, 403),
        ({"new": "short"}, 400),
        ({"repeated": "another one 7"}, 400),
        ({"new": PASSWORD}, 400),
        ({"new": "Lea Novak 1"}, 400),
        ({"new": "x" * 1025}, 400),
    ],
)
def test_a_refused_change_changes_nothing(lea_in, lea, given, status):
    assert change(lea_in, **given).status_code == status
    lea.refresh_from_db()
    assert lea.check_password(PASSWORD)


def test_guessing_the_present_password_in_a_stolen_session_is_locked(lea_in):
    statuses = [change(lea_in, old="wrong").status_code for _ in range(ACCOUNT_LIMIT + 1)]
    assert statuses == [403] * ACCOUNT_LIMIT + [429]


def test_whose_password_was_set_by_another_goes_nowhere_but_to_the_change(lea_in, lea):
    User.objects.filter(pk=lea.pk).update(must_change_password=True)
    for path in ("/account/", "/people/", "/account/notifications/"):
        assert lea_in.get(path)["Location"] == "/account/password/"
    assert lea_in.get("/account/password/").status_code == 200
    assert change(lea_in).status_code == 302
    assert lea_in.get("/account/").status_code == 200


# --- Tokens ---------------------------------------------------------------------------------------------------------


def make_token(client, **given):
    day = (timezone.now() + timedelta(days=30)).date().isoformat()
    return client.post("/account/tokens/", {"name": "plate reader", "scope": "read", "expires_on": day, **given})


def test_a_new_token_is_shown_once_and_works_in_its_scope(lea_in, lea):
    answer = make_token(lea_in)
    token = answer.context["token"]
    assert answer.status_code == 201
    assert token in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert token not in lea_in.get("/account/").content.decode()
    api = Client(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert api.get("/api/users/me").status_code == 200
    assert api.post("/api/auth/logoutall").status_code == 403


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\u202eb"},
        {"scope": "sign"},
        {"expires_on": "2001-01-01"},
        {"expires_on": "9999-12-31"},
        {"expires_on": "soon"},
        {"expires_on": ""},
    ],
)
def test_an_unusable_token_form_is_400_and_keeps_what_was_typed(lea_in, given):
    answer = make_token(lea_in, **given)
    assert answer.status_code == 400
    assert not ApiToken.objects.exists()
    if "name" not in given:
        assert 'value="plate reader"' in answer.content.decode()


def test_a_token_is_revoked_by_its_owner_only(lea_in, lea, stranger):
    api, other = bearer(lea), Client()
    path = reverse("token_revoke", args=[api.token_row.token_key])
    other.force_login(stranger)
    assert other.post(path).status_code == 404
    assert lea_in.get(path).status_code == 405
    assert lea_in.post(path).status_code == 302
    assert api.get("/api/users/me").status_code == 401
    assert lea_in.post(path).status_code == 404


def test_all_tokens_are_revoked_at_once(lea_in, lea, stranger):
    bearer(lea)
    bearer(lea)
    other = bearer(stranger)
    lea_in.post("/account/tokens/revoke-all/")
    assert list(ApiToken.objects.all()) == [other.token_row]


def test_there_is_a_limit_to_named_tokens(lea_in, monkeypatch):
    monkeypatch.setattr("accounts.transitions.TOKENS_PER_PERSON", 2)
    assert [make_token(lea_in).status_code for _ in range(3)] == [201, 201, 409]
    assert ApiToken.objects.count() == 2


# --- Account, notifications, people ---------------------------------------------------------------------------------


def test_the_account_shows_roles_with_their_end_and_teams(lea_in, lea, team):
    RoleGrant.objects.create(user=lea, role="qa_lead", team=team, valid_until=timezone.now() + timedelta(days=9))
    RoleGrant.objects.create(user=lea, role="gone", valid_until=timezone.now() - timedelta(days=1))
    page = lea_in.get("/account/").content.decode()
    assert "qa_lead" in page
    assert "Assay" in page
    assert ">gone<" not in page


def told(user, count):
    return Notification.objects.bulk_create(
        Notification(user=user, kind="x", title=f"Note <b>{n}</b>", url="/account/") for n in range(count)
    )


def test_notifications_are_ones_own_counted_and_marked_read_by_post(lea_in, lea, stranger):
    mine, theirs = told(lea, 2), told(stranger, 1)
    page = lea_in.get("/account/notifications/").content.decode()
    assert "Note &lt;b&gt;1&lt;/b&gt;" in page
    assert lea_in.get(reverse("notification_read", args=[mine[0].pk])).status_code == 405
    lea_in.post(reverse("notification_read", args=[mine[0].pk]))
    lea_in.post(reverse("notification_read", args=[theirs[0].pk]))
    assert lea.notifications.unread().count() == 1
    assert stranger.notifications.unread().count() == 1
    lea_in.post("/account/notifications/read/")
    assert lea.notifications.unread().count() == 0


def test_people_shows_teammates_and_not_strangers(lea_in, team, stranger):
    page = lea_in.get("/people/").content.decode()
    assert "jonas@lab.org" in page
    assert "stranger@elsewhere.org" not in page
    found = lea_in.get("/people/", {"q": "JON ort"}).content.decode()
    assert "jonas@lab.org" in found


@pytest.mark.parametrize("q", ["\x00", "%", "_", "'\"><script>", "x" * 10_000, "\u202e", "a " * 100])
def test_a_hostile_search_finds_nobody_and_stays_text(lea_in, team, q):
    answer = lea_in.get("/people/", {"q": q, "role": q, "team": q})
    assert answer.status_code in (200, 400)
    assert "<script>'" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/account/", "/account/notifications/", "/people/", "/account/password/", SIGN_IN])
def test_pages_hold_no_inline_script_or_style(lea_in, team, path):
    page = lea_in.get(path, follow=True).content.decode()
    assert " style=" not in page
    assert "<style" not in page
    assert "onclick" not in page


@pytest.mark.parametrize("path", ["/account/notifications/", "/people/", "/account/"])
def test_pages_ask_the_same_number_of_queries_for_1_and_30_rows(client, admin, path, django_assert_max_num_queries):
    client.force_login(admin)
    counts = []
    for many in (1, 29):
        told(admin, many)
        for number in range(many):
            person(f"p{many}-{number}@lab.org")
            bearer(admin)
        with django_assert_max_num_queries(40) as asked:
            client.get(path)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_day_a_token_ends_is_filled_in_as_browsers_want_it(lea_in):
    day = (timezone.now().date() + timedelta(days=90)).isoformat()
    assert f'value="{day}"' in lea_in.get("/account/").content.decode()
