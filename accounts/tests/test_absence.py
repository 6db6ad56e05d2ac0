"""Out of office: who enters it, who can stand in, what is recorded and told."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.absences import stand_in_warning, who_may_stand_in
from accounts.enums import AccountAction
from accounts.models import Absence, AccountEvent, Membership, RoleGrant, Team, User
from accounts.tests.away import DAY, PAGE, away
from accounts.tests.conftest import person
from accounts.tests.test_verbs import at_once
from accounts.transitions_absence import STAND_IN, cancel_absence, set_absence
from ledger.canonical import plain
from ledger.errors import Invalid, NotAllowed, Refusal, TransitionDenied


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
        list(Absence.objects.in_force(moment))
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


def test_an_administrator_does_not_make_themselves_the_stand_in(lab, lea, jonas, admin):
    RoleGrant.objects.create(user=admin, role="qa", team=lab)
    with pytest.raises(Invalid, match=r"You enter this absence for .*, so you do not stand in"):
        away(lea, by=admin, stand_in_id=admin.pk)
    assert away(lea, by=lea, stand_in_id=admin.pk).stand_in == admin


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
    assert not Absence.objects.in_force(cancelled.cancelled_at).exists()
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
