"""Out of office: who enters it, who can stand in, what is recorded and told."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.absences import absences_in_force, stand_in_warning, who_may_stand_in
from accounts.enums import AccountAction
from accounts.models import Absence, AccountEvent, Membership, RoleGrant, Team, User
from accounts.tests.conftest import bearer, person
from accounts.tests.test_verbs import at_once
from accounts.transitions_absence import STAND_IN, cancel_absence, set_absence
from ledger.canonical import plain
from ledger.errors import Invalid, NotAllowed, Refusal, TransitionDenied

DAY = timedelta(days=1)
PAGE = "/account/absences/"


@pytest.fixture
def lab(team, lea, jonas):
    """Lea and Jonas both sign as qa in Assay; Lea signs as qa_lead there too."""
    for user, role in ((lea, "qa"), (lea, "qa_lead"), (jonas, "qa")):
        RoleGrant.objects.create(user=user, role=role, team=team)
    return team


def away(user, *, by=None, start=DAY, days=7, **given):
    now = timezone.now()
    return set_absence(user.pk, by=by or user, starts_at=now + start, ends_at=now + start + days * DAY, **given)


def actions():
    return list(AccountEvent.objects.filter(action__startswith="absence.").values_list("action", flat=True))


# --- Entering -----------------------------------------------------------------------------------------------------


def test_an_absence_is_entered_recorded_and_the_stand_in_told(lab, lea, jonas):
    absence = away(lea, stand_in_id=jonas.pk, role="qa", team_id=lab.pk, note="Conference")
    event = AccountEvent.objects.get(action=AccountAction.ABSENCE_SET)
    assert (event.actor, event.about) == (lea, lea)
    assert event.payload == {
        "absence_id": str(absence.pk),
        "starts_at": plain(absence.starts_at),
        "ends_at": plain(absence.ends_at),
        "stand_in": {"id": str(jonas.pk), "name": "Jonas Ortega"},
        "role": "qa",
        "team_id": str(lab.pk),
        "note": "Conference",
    }
    told = jonas.notifications.get()
    assert (told.kind, told.url) == (STAND_IN, PAGE)
    assert told.title.startswith("You stand in for Lea Novak from ")
    assert "the role qa in Assay" in told.body
    assert not lea.notifications.exists()


def test_it_is_in_force_from_its_start_until_before_its_end(lab, lea, jonas):
    absence = away(lea, stand_in_id=jonas.pk)
    found = [
        list(absences_in_force(moment))
        for moment in (
            absence.starts_at - timedelta(microseconds=1),
            absence.starts_at,
            absence.ends_at - timedelta(microseconds=1),
            absence.ends_at,
        )
    ]
    assert found == [[], [absence], [absence], []]


def test_an_administrator_enters_it_for_who_fell_ill_and_both_are_told(lab, admin, lea, jonas):
    absence = away(lea, by=admin, start=-DAY, stand_in_id=jonas.pk)
    assert absence.created_by == admin
    assert lea.notifications.get().title.startswith("Ada Ng entered an absence for you")
    assert jonas.notifications.get().kind == STAND_IN


def test_nobody_else_enters_it(lab, lea, jonas, stranger):
    for by in (jonas, stranger):
        with pytest.raises(NotAllowed, match="Only the person themselves or an administrator"):
            away(lea, by=by)
    User.objects.filter(pk=lea.pk).update(is_active=False)
    with pytest.raises(NotAllowed, match="deactivated"):
        away(lea)
    assert actions() == []


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (DAY, DAY, "must end after it starts"),
        (2 * DAY, DAY, "must end after it starts"),
        (-2 * DAY, -DAY, "must end in the future"),
        (DAY, 368 * DAY, "a year at most"),
        (400 * DAY, 401 * DAY, "within a year"),
    ],
    ids=["empty", "backwards", "over", "too long", "too far"],
)
def test_times_that_make_no_absence_are_refused(lea, start, end, words):
    now = timezone.now()
    with pytest.raises(Invalid, match=words):
        set_absence(lea.pk, by=lea, starts_at=now + start, ends_at=now + end)
    assert not Absence.objects.exists()


def test_a_time_without_zone_is_refused(lea):
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 naive on purpose
    with pytest.raises(Invalid, match="time zone"):
        set_absence(lea.pk, by=lea, starts_at=naive, ends_at=naive + DAY)


def test_nothing_is_written_when_the_trail_cannot_be(lab, lea, jonas, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("accounts.transitions_absence.record_account_event", fails)
    with pytest.raises(RuntimeError):
        away(lea, stand_in_id=jonas.pk)
    assert not Absence.objects.exists()
    assert not jonas.notifications.exists()


# --- The stand-in -------------------------------------------------------------------------------------------------


def test_a_stand_in_without_the_role_is_refused_with_the_role_that_is_missing(lab, lea, jonas):
    with pytest.raises(Invalid, match="Jonas Ortega does not hold the role qa_lead in Assay") as refused:
        away(lea, stand_in_id=jonas.pk, role="qa_lead")
    assert refused.value.errors[0]["field"] == "stand_in_id"
    RoleGrant.objects.filter(user=jonas).delete()
    with pytest.raises(Invalid, match="the role qa in Assay or the role qa_lead in Assay"):
        away(lea, stand_in_id=jonas.pk)
    assert actions() == []


def test_a_role_that_ends_before_the_absence_does_not_count(lab, lea, jonas):
    RoleGrant.objects.filter(user=jonas).update(valid_until=timezone.now() + DAY)
    with pytest.raises(Invalid, match="does not hold"):
        away(lea, start=2 * DAY, stand_in_id=jonas.pk)


def test_a_role_everywhere_stands_in_for_one_in_a_team_and_another_teams_does_not(lab, lea, jonas):
    other = Team.objects.create(name="Other")
    grant = RoleGrant.objects.get(user=jonas)
    RoleGrant.objects.filter(pk=grant.pk).update(team=other)
    with pytest.raises(Invalid, match="does not hold"):
        away(lea, stand_in_id=jonas.pk)
    RoleGrant.objects.filter(pk=grant.pk).update(team=None)
    assert away(lea, stand_in_id=jonas.pk).stand_in == jonas


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("lea", "Nobody stands in for themselves"),
        ("system", "no such person"),
        ("stranger", "no such person"),
        ("gone", "Jonas Ortega is deactivated"),
    ],
)
def test_who_cannot_stand_in(lab, lea, jonas, stranger, who, words):
    if who == "gone":
        User.objects.filter(pk=jonas.pk).update(is_active=False)
    people = {"lea": lea, "system": User.objects.system(), "stranger": stranger, "gone": jonas}
    with pytest.raises(Invalid, match=words):
        away(lea, stand_in_id=people[who].pk)


def test_who_signs_nothing_needs_no_stand_in(team, lea, jonas):
    with pytest.raises(Invalid, match="Lea Novak does not hold any signing role"):
        away(lea, stand_in_id=jonas.pk)
    assert away(lea).stand_in is None


def test_only_those_who_hold_a_role_of_mine_are_offered(lab, lea, jonas, stranger):
    now = timezone.now()
    teammate = person("idle@lab.org")
    Membership.objects.create(team=lab, user=teammate)
    assert list(who_may_stand_in(lea, now=now)) == [jonas]
    assert list(who_may_stand_in(lea, q="JON ort", now=now)) == [jonas]
    assert list(who_may_stand_in(lea, q="novak", now=now)) == []


def test_a_stand_in_who_is_away_too_is_accepted_with_a_warning(lab, lea, jonas):
    away(jonas, start=2 * DAY)
    absence = away(lea, stand_in_id=jonas.pk)
    assert "Jonas Ortega is away too" in stand_in_warning(absence)
    assert stand_in_warning(away(lea, start=20 * DAY, stand_in_id=jonas.pk)) is None


# --- Overlap --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ({}, {}, True),
        ({}, {"role": "qa"}, True),
        ({"role": "qa"}, {}, True),
        ({"role": "qa"}, {"role": "qa_lead"}, False),
        ({"role": "qa", "team": True}, {"role": "qa"}, True),
        ({"team": True}, {"role": "qa_lead"}, True),
        ({}, {"start": 8 * DAY}, False),
        ({}, {"start": 7 * DAY}, True),
    ],
    ids=["same", "narrower", "wider", "other role", "in team", "team and role", "after", "touching days"],
)
def test_overlapping_absences_are_refused_within_the_same_scope(lab, lea, first, second, overlap):
    for given in (first, second):
        if given.pop("team", False):
            given["team_id"] = lab.pk
    away(lea, **first)
    if overlap:
        with pytest.raises(TransitionDenied, match="is already away") as refused:
            away(lea, **second)
        assert refused.value.code == "absence_overlaps"
    else:
        away(lea, **second)
    assert len(actions()) == (1 if overlap else 2)


@pytest.mark.django_db(transaction=True)
def test_of_two_equal_absences_at_once_one_is_written(lea):
    answers = at_once(lambda: away(lea), lambda: away(lea))
    assert [isinstance(answer, Refusal) for answer in answers].count(True) == 1
    assert Absence.objects.count() == 1


# --- Cancelling -----------------------------------------------------------------------------------------------------


def test_cancelling_before_it_starts_frees_the_time_and_tells_the_stand_in(lab, lea, jonas):
    absence = away(lea, stand_in_id=jonas.pk)
    cancel_absence(absence.pk, by=lea)
    absence.refresh_from_db()
    assert absence.cancelled_by == lea
    event = AccountEvent.objects.get(action=AccountAction.ABSENCE_CANCELLED)
    assert event.payload == {
        "absence_id": str(absence.pk),
        "starts_at": plain(absence.starts_at),
        "ends_at": plain(absence.ends_at),
    }
    assert jonas.notifications.filter(kind=STAND_IN, title="You need not stand in for Lea Novak").exists()
    away(lea)


def test_coming_back_early_ends_it_now(lab, lea, jonas):
    absence = away(lea, start=-DAY, stand_in_id=jonas.pk)
    cancelled = cancel_absence(absence.pk, by=lea)
    assert not absences_in_force(cancelled.cancelled_at).exists()
    assert jonas.notifications.filter(title="You no longer stand in for Lea Novak").exists()


def test_the_second_to_cancel_loses_and_what_is_over_stays(lab, admin, lea):
    absence = away(lea)
    cancel_absence(absence.pk, by=lea)
    with pytest.raises(TransitionDenied, match="Lea Novak cancelled this absence on"):
        cancel_absence(absence.pk, by=admin)
    over = away(lea)
    now = timezone.now()
    Absence.objects.filter(pk=over.pk).update(starts_at=now - 2 * DAY, ends_at=now - DAY)
    with pytest.raises(TransitionDenied, match="ended by itself"):
        cancel_absence(over.pk, by=lea)
    assert actions().count(AccountAction.ABSENCE_CANCELLED) == 1


def test_only_the_person_and_an_administrator_cancel(lab, admin, lea, jonas, stranger):
    absence = away(lea, stand_in_id=jonas.pk)
    for by in (jonas, stranger):
        with pytest.raises(NotAllowed):
            cancel_absence(absence.pk, by=by)
    cancel_absence(absence.pk, by=admin)
    assert lea.notifications.get().title.startswith("Ada Ng cancelled your absence")


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
        ({"starts_at": "soon"}, 400, "Enter a valid date/time"),
        ({"ends_at": "2001-01-01T00:00"}, 400, "must end after it starts"),
        ({"stand_in_id": "nobody"}, 400, "valid UUID"),
        ({"stand_in_id": "00000000-0000-0000-0000-000000000000"}, 400, "There is no such person"),
        ({"team_id": "00000000-0000-0000-0000-000000000000"}, 400, "signs in no such team"),
        ({"role": "No Slug"}, 400, "A role is a slug"),
        ({"note": "a\u202eb"}, 400, "Only one line"),
        ({"note": "x" * 201}, 400, "at most 200"),
    ],
    ids=["time", "past", "id", "unknown", "team", "role", "bidi", "long"],
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


def test_an_administrator_does_not_make_themselves_the_stand_in(lab, lea, jonas, admin):
    RoleGrant.objects.create(user=admin, role="qa", team=lab)
    with pytest.raises(Invalid, match=r"You enter this absence for .*, so you do not stand in"):
        away(lea, by=admin, stand_in_id=admin.pk)
    assert away(lea, by=lea, stand_in_id=admin.pk).stand_in == admin
