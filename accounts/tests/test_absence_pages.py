"""Out of office as people meet it: the page, the API, the admin."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Absence, Team
from accounts.tests.away import DAY, PAGE, away
from accounts.tests.conftest import bearer

# --- Page -----------------------------------------------------------------------------------------------------------


def form(**given):
    now = timezone.now()
    times = {"starts_at": (now + DAY).strftime("%Y-%m-%dT%H:%M"), "ends_at": (now + 3 * DAY).strftime("%Y-%m-%dT%H:%M")}
    return {**times, "stand_in_id": "", "role": "", "team_id": "", "note": "", **given}


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_the_page_enters_lists_and_cancels(lab, lea, jonas):
    client = signed_in(lea)
    answer = client.post(PAGE, form(stand_in_id=jonas.pk, note="Conference"), follow=True)
    page = answer.content.decode()
    assert "Jonas Ortega is told." in page
    assert "Conference" in page
    assert "Coming" in page
    assert "Conference" in client.get("/account/").content.decode()
    assert "Lea Novak" in signed_in(jonas).get(PAGE).content.decode()
    absence = Absence.objects.get()
    assert "Cancelled" in client.post(f"{PAGE}{absence.pk}/cancel/", follow=True).content.decode()


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"starts_at": "soon"}, 400, "Give a day and a time"),
        ({"starts_at": ""}, 400, "Say from when you are away"),
        ({"ends_at": ""}, 400, "Say until when"),
        ({"ends_at": "2001-01-01T00:00"}, 400, "must end after it starts"),
        ({"stand_in_id": "nobody"}, 400, "Choose somebody from the list"),
        ({"stand_in_id": "00000000-0000-0000-0000-000000000000"}, 400, "There is no such person"),
        ({"team_id": "00000000-0000-0000-0000-000000000000"}, 400, "signs in no such team"),
        ({"role": "No Slug"}, 400, "A role is a slug"),
        ({"note": "a\u202eb"}, 400, "Only one line"),
        ({"note": "x" * 201}, 400, "at most 200"),
    ],
    ids=["time", "no start", "no end", "past", "id", "unknown", "team", "role", "bidi", "long"],
)
def test_a_refused_form_says_why_and_keeps_what_was_typed(lab, lea, given, status, words):
    answer = signed_in(lea).post(PAGE, form(**({"note": "Kept"} | given)))
    page = answer.content.decode()
    assert answer.status_code == status
    assert words in page
    assert "note" in given or 'value="Kept"' in page
    assert not Absence.objects.exists()


def test_the_search_offers_who_fits_and_keeps_who_is_chosen(lab, lea, jonas, stranger):
    client = signed_in(lea)
    assert "Jonas Ortega" in client.get(f"{PAGE}stand-ins/", {"q": "jon"}).content.decode()
    assert "Nobody fits" in client.get(f"{PAGE}stand-ins/", {"q": "zz"}).content.decode()
    assert "Jonas Ortega" not in client.get(f"{PAGE}stand-ins/", {"role": "qa_lead"}).content.decode()
    kept = client.get(f"{PAGE}stand-ins/", {"q": "zz", "stand_in_id": str(jonas.pk)}).content.decode()
    assert " selected>Jonas Ortega" in kept
    for hostile in ({"team_id": "x"}, {"stand_in_id": "x"}):
        assert client.get(f"{PAGE}stand-ins/", hostile).status_code in (200, 404)
    for hostile in ({"q": "\x00%_'"}, {"role": "\x00"}, {"team_id": str(Team.objects.create(name="Other").pk)}):
        assert client.get(f"{PAGE}stand-ins/", hostile).status_code == 200


def test_anothers_absence_is_not_there_and_a_stand_in_does_not_cancel(lab, lea, jonas, stranger):
    absence = away(lea, stand_in_id=jonas.pk)
    path = f"{PAGE}{absence.pk}/cancel/"
    statuses = [signed_in(user).post(path).status_code for user in (stranger, jonas)]
    assert statuses == [404, 403]
    assert signed_in(lea).get(path).status_code == 405


def test_the_page_asks_the_same_for_1_and_30_rows(lab, lea, jonas, django_assert_max_num_queries):
    client, counts = signed_in(lea), []
    for many in (1, 29):
        for number in range(many):
            away(lea, start=(10 * number + many) * DAY, days=1, stand_in_id=jonas.pk)
            away(jonas, start=(10 * number + many) * DAY, days=1, stand_in_id=lea.pk)
        with django_assert_max_num_queries(30) as asked:
            client.get(PAGE)
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- API ------------------------------------------------------------------------------------------------------------


def body(**given):
    now = timezone.now()
    return {"starts_at": (now + DAY).isoformat(), "ends_at": (now + 3 * DAY).isoformat(), **given}


def test_the_api_enters_lists_and_cancels(lab, lea, jonas, stranger):
    away(jonas)
    api = bearer(lea)
    answer = api.post("/api/absences", body(stand_in_id=str(jonas.pk), role="qa"), format="json")
    made = answer.json()
    assert answer.status_code == 201
    assert (made["user"]["id"], made["stand_in"]["id"], made["state"]) == (str(lea.pk), str(jonas.pk), "coming")
    assert "away too" in made["warnings"][0]
    assert [row["id"] for row in api.get("/api/absences").json()["items"]] == [made["id"]]
    assert len(bearer(jonas).get("/api/absences").json()["items"]) == 2
    assert bearer(stranger).get("/api/absences").json()["items"] == []
    path = f"/api/absences/{made['id']}"
    assert [bearer(user).delete(path).status_code for user in (stranger, jonas, lea, lea)] == [404, 403, 204, 409]
    assert api.get(path).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"starts_at": "2030-01-01T08:00:00"}, "starts_at"),
        ({"ends_at": None}, "ends_at"),
        ({"role": "No Slug"}, "role"),
        ({"role": "\x00"}, "role"),
        ({"stand_in_id": "x"}, "stand_in_id"),
        ({"user": "x"}, "user"),
    ],
    ids=["no zone", "no end", "no slug", "nul", "no id", "unknown member"],
)
def test_a_wrong_member_is_400_and_named(lab, lea, given, field):
    answer = bearer(lea).post("/api/absences", body(**given), format="json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_absence_for_a_role_the_person_does_not_hold_would_do_nothing_and_is_refused(lab, lea):
    answer = bearer(lea).post("/api/absences", body(role="qa_reviwer"), format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "role")
    assert "Lea Novak does not hold the role qa_reviwer" in answer.json()["detail"]
    assert not Absence.objects.exists()


def test_only_an_administrator_enters_anothers(lab, admin, lea, jonas):
    given = body(user_id=str(lea.pk))
    assert bearer(jonas).post("/api/absences", given, format="json").status_code == 403
    assert bearer(admin).post("/api/absences", given, format="json").status_code == 201
    assert bearer(admin).post("/api/absences", given, format="json").json()["code"] == "absence_overlaps"


# --- Admin ----------------------------------------------------------------------------------------------------------


def test_an_administrator_enters_and_cancels_in_the_admin(lab, admin, lea, jonas):
    client, now = signed_in(admin), timezone.now()
    path = "/admin/accounts/absence/"
    given = {"user": lea.pk, "stand_in": jonas.pk, "role": "", "team": "", "note": "Ill"}
    given |= {"starts_at_0": now.date(), "starts_at_1": "00:00", "ends_at_0": (now + DAY).date(), "ends_at_1": "23:59"}
    assert client.post(path + "add/", given).status_code == 302
    absence = Absence.objects.get()
    assert (absence.user, absence.created_by, absence.note) == (lea, admin, "Ill")
    assert client.get(path).status_code == 200
    refused = client.post(path + "add/", {**given, "note": "Typed at length"}).content.decode()
    assert "already away" in refused
    assert "Typed at length" in refused
    client.post(f"{path}{absence.pk}/change/", {**given, "note": "x"})
    client.post(path, {"action": "cancel", "_selected_action": [str(absence.pk)]})
    absence.refresh_from_db()
    assert (absence.note, absence.cancelled_by) == ("Ill", admin)
    assert signed_in(lea).get(path).status_code in (302, 403)
