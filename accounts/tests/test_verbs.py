"""The verbs themselves: who may, what is recorded, what is left when something fails, who comes second."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from accounts import lockout, passwords, transitions, transitions_password
from accounts.enums import PAYLOAD_KEYS, AccountAction
from accounts.events import record_account_event
from accounts.models import AccountEvent, Membership, RoleGrant, Team, User
from accounts.notify import notify, operators
from accounts.passwords import check_password_again
from accounts.roles import check_holds_role, holds_role, is_operator, roles_of
from accounts.scoping import visible_or_404
from accounts.tests.conftest import PASSWORD, person
from ledger.errors import NotAllowed, Refusal, TooMany, TransitionDenied

META = {"REMOTE_ADDR": "203.0.113.7"}


def at_once(*calls):
    """Run the calls in threads that start together; answers their results or refusals in order."""
    together, answers = threading.Barrier(len(calls), timeout=20), [None] * len(calls)

    def run(place, call):
        try:
            together.wait()
            answers[place] = call()
        except Refusal as refusal:
            answers[place] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# --- Roles and scoping ----------------------------------------------------------------------------------------------


def test_a_role_holds_in_its_team_or_everywhere_until_its_end(lea, admin, team):
    now, other = timezone.now(), Team.objects.create(name="Other")
    RoleGrant.objects.create(user=lea, role="qa", team=team, valid_until=now + timedelta(days=1))
    RoleGrant.objects.create(user=lea, role="scientist")
    RoleGrant.objects.create(user=lea, role="approver", revoked_at=now, revoked_by=admin)
    assert holds_role(lea, "qa", team.pk, now=now)
    assert not holds_role(lea, "qa", other.pk, now=now)
    assert not holds_role(lea, "qa", None, now=now)
    assert not holds_role(lea, "qa", team.pk, now=now + timedelta(days=1))
    assert holds_role(lea, "scientist", other.pk, now=now)
    assert not holds_role(lea, "approver", team.pk, now=now)
    assert roles_of(lea, now) == [("qa", team.pk), ("scientist", None)]
    with pytest.raises(NotAllowed, match="Lea Novak does not hold the role approver here"):
        check_holds_role(lea, "approver", team.pk, now=now)


def test_the_deactivated_hold_no_role(lea, team):
    RoleGrant.objects.create(user=lea, role="qa")
    lea.is_active = False
    now = timezone.now()
    assert not holds_role(lea, "qa", team.pk, now=now)
    assert roles_of(lea, now) == []


def test_operators_are_administrators_and_who_holds_that_role(admin, lea, jonas, stranger):
    RoleGrant.objects.create(user=lea, role="operator")
    RoleGrant.objects.create(user=jonas, role="operator", valid_until=timezone.now() - timedelta(days=1))
    assert set(operators()) == {admin, lea}
    assert [is_operator(user) for user in (admin, lea, jonas, stranger)] == [True, True, False, False]


@pytest.mark.parametrize("pk", ["nope", None, 1, "", "00000000-0000-0000-0000-000000000000", b"\xff", [], "\x00"])
def test_malformed_and_unknown_ids_are_not_there(lea, pk):
    from django.http import Http404

    with pytest.raises(Http404):
        visible_or_404(User.objects.all(), lea, pk)


def test_a_foreign_row_answers_like_an_unknown_one(lea, stranger, team):
    from django.http import Http404

    assert visible_or_404(Team.objects.all(), lea, str(team.pk)) == team
    with pytest.raises(Http404) as foreign:
        visible_or_404(Team.objects.all(), stranger, str(team.pk))
    with pytest.raises(Http404) as unknown:
        visible_or_404(Team.objects.all(), stranger, "00000000-0000-0000-0000-000000000000")
    assert str(foreign.value) == str(unknown.value)


# --- Notifications --------------------------------------------------------------------------------------------------


def test_each_active_person_is_told_once(lea, jonas):
    jonas.is_active = False
    notify([lea, jonas, lea], kind="x", title="T" * 300, url="/account/")
    row = lea.notifications.get()
    assert (len(row.title), row.title[-1]) == (200, "…")
    assert not jonas.notifications.exists()


@pytest.mark.parametrize("url", ["https://evil.org", "//evil.org", "javascript:x", "/" + "x" * 300])
def test_a_notification_leads_inside_the_portal(lea, url):
    with pytest.raises(ValueError, match="inside the portal"):
        notify([lea], kind="x", title="T", url=url)


# --- Password, asked again ------------------------------------------------------------------------------------------


def test_the_right_password_is_proof(lea):
    proof = check_password_again(lea, PASSWORD, request_meta=META)
    assert proof.method == "password"
    assert proof.at.tzinfo is not None


@pytest.mark.parametrize(
    "given", ["wrong", "", None, 1, ["x"], "x" * 2000, "\ud800", PASSWORD + "\x00", PASSWORD.upper()]
)
def test_a_wrong_password_is_refused_and_recorded(lea, given):
    with pytest.raises(NotAllowed) as refused:
        check_password_again(lea, given, request_meta=META)
    assert refused.value.code == "wrong_password"
    event = AccountEvent.objects.get()
    assert (event.action, event.about) == (AccountAction.SIGNATURE_PASSWORD_FAILED, lea)
    assert event.address == "203.0.113.7"


def test_signing_locks_without_locking_sign_in(lea):
    for _ in range(lockout.ACCOUNT_LIMIT):
        with pytest.raises(NotAllowed):
            check_password_again(lea, "wrong", request_meta=META)
    with pytest.raises(TooMany) as locked:
        check_password_again(lea, PASSWORD, request_meta=META)
    assert 0 < locked.value.retry_after <= lockout.WINDOW_SECONDS
    assert passwords.check_sign_in("lea@lab.org", PASSWORD, request_meta=META) == lea


def test_a_password_set_by_another_is_no_proof(lea, admin):
    transitions.reset_password(lea.pk, by=admin, new_password="correct horse 43")
    with pytest.raises(NotAllowed) as refused:
        check_password_again(lea, "correct horse 43", request_meta=META)
    assert refused.value.code == "password_change_required"


def test_the_deactivated_prove_nothing(lea):
    User.objects.filter(pk=lea.pk).update(is_active=False)
    with pytest.raises(NotAllowed) as refused:
        check_password_again(lea, PASSWORD, request_meta=META)
    assert refused.value.code == "inactive"


def test_a_deployment_may_do_without(lea, settings):
    settings.SIGNATURE_REAUTHENTICATION = False
    assert check_password_again(lea, None, request_meta=META).method == "session"


def test_guesses_made_at_once_get_no_more_tries_than_one_after_another(transactional_db, lea):
    guess = [lambda: check_password_again(lea, "wrong", request_meta=META)] * 8
    answers = at_once(*guess)
    codes = sorted(answer.code for answer in answers)
    assert codes == ["locked_out"] * 3 + ["wrong_password"] * 5


# --- The audit trail ------------------------------------------------------------------------------------------------


def test_the_audit_trail_cannot_be_rewritten(lea):
    row = record_account_event(AccountAction.SIGNED_IN, by=lea, about=lea)
    with pytest.raises(TransitionDenied):
        row.save()
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_accountevent SET actor_name = 'x'")


@pytest.mark.parametrize("action", PAYLOAD_KEYS)
def test_an_event_with_other_members_is_refused(lea, action):
    with pytest.raises(ValueError, match="carries"):
        record_account_event(action, by=lea, about=lea, surprise=1)


def broken(*args, **kwargs):
    raise RuntimeError("the audit trail cannot be written")


@pytest.mark.parametrize(
    "verb",
    [
        lambda admin, lea, team: transitions.create_user(by=admin, email="n@lab.org", full_name="N"),
        lambda admin, lea, team: transitions.change_user(lea.pk, by=admin, full_name="Other"),
        lambda admin, lea, team: transitions.reset_password(lea.pk, by=admin, new_password="correct horse 43"),
        lambda admin, lea, team: transitions.create_team(by=admin, name="New"),
        lambda admin, lea, team: transitions.rename_team(team.pk, by=admin, name="New"),
        lambda admin, lea, team: transitions.add_member(team, admin, by=admin),
        lambda admin, lea, team: transitions.remove_member(team, team.memberships.get(role="member").user_id, by=admin),
        lambda admin, lea, team: transitions.grant_role(lea, by=admin, role="qa"),
        lambda admin, lea, team: transitions_password.change_password(
            lea, by=lea, old_password=PASSWORD, new_password="correct horse 43", request_meta=META
        ),
        lambda admin, lea, team: transitions.create_token(lea, by=lea, expires_at=timezone.now() + timedelta(hours=1)),
    ],
)
def test_without_its_line_in_the_audit_trail_nothing_is_changed(admin, lea, team, monkeypatch, verb):
    before = everything()
    for module in (transitions, transitions_password):
        monkeypatch.setattr(module, "record_account_event", broken)
    with pytest.raises(RuntimeError):
        verb(admin, lea, team)
    assert everything() == before


def everything():
    users = list(User.objects.people().order_by("pk").values("email", "full_name", "password", "must_change_password"))
    teams = list(Team.objects.order_by("pk").values_list("name", "memberships__user"))
    return users, teams, RoleGrant.objects.count(), [user.auth_token_set.count() for user in User.objects.all()]


# --- Who comes second -----------------------------------------------------------------------------------------------


def test_two_administrators_who_demote_each_other_do_not_both_succeed(transactional_db, admin):
    other = person("other@lab.org", is_admin=True)
    answers = at_once(
        lambda: transitions.change_user(other.pk, by=admin, is_admin=False),
        lambda: transitions.change_user(admin.pk, by=other, is_admin=False),
    )
    assert sum(isinstance(answer, Refusal) for answer in answers) == 1
    assert User.objects.active().filter(is_admin=True).count() == 1


def test_the_two_owners_of_a_team_do_not_both_leave(transactional_db, lea, jonas, team):
    Membership.objects.filter(user=jonas).update(role="owner")
    answers = at_once(
        lambda: transitions.remove_member(team, lea.pk, by=lea),
        lambda: transitions.remove_member(team, jonas.pk, by=jonas),
    )
    assert [answer.code for answer in answers if answer is not None] == ["last_owner"]
    assert team.memberships.count() == 1


def test_the_same_grant_at_once_is_written_once(transactional_db, admin, lea):
    answers = at_once(*[lambda: transitions.grant_role(lea, by=admin, role="qa")] * 4)
    assert sum(isinstance(answer, TransitionDenied) for answer in answers) == 3
    assert RoleGrant.objects.count() == AccountEvent.objects.filter(action=AccountAction.ROLE_GRANTED).count() == 1


def test_of_two_revocations_the_second_loses(transactional_db, admin, lea):
    grant = transitions.grant_role(lea, by=admin, role="qa")
    answers = at_once(*[lambda: transitions.revoke_role(grant.pk, by=admin)] * 2)
    assert [answer.code for answer in answers if isinstance(answer, Refusal)] == ["already_revoked"]
    assert AccountEvent.objects.filter(action=AccountAction.ROLE_REVOKED).count() == 1


def test_two_people_with_one_address_at_once_are_one(transactional_db, admin):
    answers = at_once(*[lambda: transitions.create_user(by=admin, email="N@lab.org", full_name="N")] * 3)
    assert sum(isinstance(answer, User) for answer in answers) == 1
    assert User.objects.filter(email="n@lab.org").count() == 1
