"""Second factors: codes and the clock, replays, recovery codes, signing, and the verbs around them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import lockout, passwords, second_factor, secrets_at_rest
from accounts import transitions_second_factor as verbs
from accounts.enums import AccountAction
from accounts.models import AccountEvent, Notification, User
from accounts.passwords import check_password_again, check_sign_in
from accounts.tests.conftest import PASSWORD
from accounts.tests.phone import Phone
from accounts.tests.test_verbs import at_once
from ledger.errors import Invalid, NotAllowed, TooMany, TransitionDenied

META = {"REMOTE_ADDR": "203.0.113.7"}


@pytest.fixture
def phone(lea):
    return Phone.of(lea)


def sign(user, code, password=PASSWORD):
    return check_password_again(user, password, request_meta=META, code=code).method


def refusal_of(user, code, password=PASSWORD):
    with pytest.raises((NotAllowed, TooMany)) as refused:
        sign(user, code, password)
    return refused.value.code


def recorded(action):
    return AccountEvent.objects.filter(action=action)


# --- Codes and the clock ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_rfc_6238(seconds, code):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890"
    assert second_factor.code_of(secret, second_factor.step_of(datetime.fromtimestamp(seconds, UTC))) == code


@pytest.mark.parametrize(("drift", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off(drift, fits):
    secret, now = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", datetime(2026, 5, 3, 14, 10, 12, tzinfo=UTC)
    step = second_factor.step_of(now) + drift
    code = second_factor.code_of(secret, step)
    assert second_factor.matching_step(secret, code, now=now) == (step if fits else None)


def test_the_code_is_part_of_the_proof(lea, phone):
    assert sign(lea, phone.code()) == "password+totp"


def test_without_a_second_factor_a_code_is_not_asked_for_and_not_looked_at(lea):
    assert sign(lea, "") == sign(lea, "123456") == "password"


def test_spaces_and_dashes_in_a_code_do_no_harm(lea, phone):
    code = phone.code()
    assert sign(lea, f" {code[:3]} {code[3:]} ") == "password+totp"


def test_a_code_is_taken_once_and_an_earlier_one_not_after_it(lea, phone):
    code, earlier = phone.code(+1), phone.code()
    assert sign(lea, code) == "password+totp"
    assert refusal_of(lea, code) == "wrong_code"
    assert refusal_of(lea, earlier) == "wrong_code"


def test_the_code_of_the_enrolment_is_used_up(lea):
    setup = verbs.start_enrolment(lea, by=lea, password=PASSWORD, request_meta=META)
    code = Phone(setup.secret).code()
    verbs.enrol_second_factor(lea, by=lea, setup=setup, code=code)
    assert refusal_of(lea, code) == "wrong_code"


def test_of_two_who_send_the_same_code_at_once_one_wins(transactional_db, lea):
    code = Phone.of(lea).code()
    answers = at_once(*[lambda: sign(lea, code)] * 2)
    assert sorted(str(getattr(answer, "code", answer)) for answer in answers) == ["password+totp", "wrong_code"]


def test_the_code_of_another_person_is_wrong(lea, jonas, phone):
    theirs = Phone.of(jonas)
    assert refusal_of(lea, theirs.code()) == "wrong_code"
    assert sign(jonas, theirs.code()) == "password+totp"


@pytest.mark.parametrize(
    "code",
    [
        "\x00",
        "12\x003456",
        "１２３４５６",
        "٣٤٥٦٧٨",
        "1" * 5,
        "1" * 100_000,
        "abcdef",
        "\ud800",
        "²²²²²²",
        123456,
        ["1"],
        "-1-2-3",
    ],
)
def test_what_can_be_no_code_is_a_wrong_code(lea, phone, code):
    assert refusal_of(lea, code) == "wrong_code"


# --- Refusals, counted ------------------------------------------------------------------------------------------------


def test_a_missing_code_is_asked_for_and_a_wrong_one_recorded(lea, phone):
    assert refusal_of(lea, "") == refusal_of(lea, None) == "second_factor_required"
    assert not recorded(AccountAction.SECOND_FACTOR_FAILED).exists()
    assert refusal_of(lea, phone.wrong()) == "wrong_code"
    event = recorded(AccountAction.SECOND_FACTOR_FAILED).get()
    assert (event.about, event.actor, event.address, event.payload) == (lea, lea, "203.0.113.7", {})


def test_a_wrong_password_says_nothing_about_the_code_and_leaves_it_unused(lea, phone):
    code = phone.code()
    assert refusal_of(lea, code, "wrong") == refusal_of(lea, "000000", "wrong") == refusal_of(lea, "", "wrong")
    assert refusal_of(lea, "", "wrong") == "wrong_password"
    assert sign(lea, code) == "password+totp"


def test_wrong_codes_and_wrong_passwords_lock_together_and_are_reported(lea, admin, phone):
    for number in range(lockout.ACCOUNT_LIMIT):
        wrong_code = number % 2
        refusal_of(lea, phone.wrong(), PASSWORD if wrong_code else "wrong")
    assert refusal_of(lea, phone.code()) == "locked_out"
    assert recorded(AccountAction.LOCKED).count() == 1
    assert {row.user_id for row in Notification.objects.filter(kind=AccountAction.LOCKED)} == {lea.pk, admin.pk}
    assert "15 minutes" in lea.notifications.get().body
    passwords.unlock(lea)
    assert sign(lea, phone.code()) == "password+totp"


def test_the_password_alone_buys_no_new_tries_at_the_code(lea, phone):
    def guesses():
        for _ in range(lockout.ACCOUNT_LIMIT):
            yield refusal_of(lea, phone.wrong())
            passwords.check_own_password(lea, PASSWORD, request_meta=META)

    with pytest.raises(TooMany):
        list(guesses())
    assert recorded(AccountAction.SECOND_FACTOR_FAILED).count() == lockout.ACCOUNT_LIMIT


def test_a_missing_code_costs_no_try(lea, phone):
    for _ in range(lockout.ACCOUNT_LIMIT + 1):
        assert refusal_of(lea, "") == "second_factor_required"
    assert sign(lea, phone.code()) == "password+totp"


def test_password_and_code_clear_the_count(lea, phone):
    for step in (0, 1):
        for _ in range(lockout.ACCOUNT_LIMIT - 1):
            assert refusal_of(lea, phone.wrong()) == "wrong_code"
        assert sign(lea, phone.code(step)) == "password+totp"


def test_the_deactivated_prove_nothing_with_a_code(lea, phone):
    User.objects.filter(pk=lea.pk).update(is_active=False)
    assert refusal_of(lea, phone.code()) == "inactive"
    with pytest.raises(NotAllowed, match="address or the password"):
        check_sign_in("lea@lab.org", PASSWORD, request_meta=META, code=phone.code())


def test_a_house_may_ask_everybody_who_signs_for_a_second_factor(lea, jonas, settings):
    settings.SECOND_FACTOR_REQUIRED_TO_SIGN = True
    with pytest.raises(NotAllowed, match="Your account, Second factor") as refused:
        sign(lea, "")
    assert refused.value.code == "second_factor_not_enrolled"
    assert sign(jonas, Phone.of(jonas).code()) == "password+totp"


# --- Recovery codes ---------------------------------------------------------------------------------------------------


def test_a_recovery_code_works_once_and_the_person_is_told(lea, phone):
    code = phone.recovery[3]
    assert sign(lea, code) == "password+recovery_code"
    assert refusal_of(lea, code) == "wrong_code"
    assert sign(lea, phone.recovery[4].replace(" ", "-")) == "password+recovery_code"
    assert second_factor.recovery_codes_left(lea) == len(phone.recovery) - 2
    assert {row.payload["left"] for row in recorded(AccountAction.RECOVERY_CODE_USED)} == {9, 8}
    assert lea.notifications.filter(kind=AccountAction.RECOVERY_CODE_USED).count() == 2


def test_of_two_who_send_the_same_recovery_code_at_once_one_wins(transactional_db, lea):
    code = Phone.of(lea).recovery[0]
    answers = at_once(*[lambda: sign(lea, code)] * 2)
    assert sorted(str(getattr(answer, "code", answer)) for answer in answers) == [
        "password+recovery_code",
        "wrong_code",
    ]
    assert second_factor.recovery_codes_left(lea) == 9


def test_new_recovery_codes_end_the_old(lea, phone):
    new = verbs.make_recovery_codes(lea, by=lea, password=PASSWORD, code=phone.code(), request_meta=META)
    assert not set(new) & set(phone.recovery)
    assert refusal_of(lea, phone.recovery[0]) == "wrong_code"
    assert sign(lea, new[0]) == "password+recovery_code"
    assert recorded(AccountAction.RECOVERY_CODES_MADE).get().actor == lea


# --- Enrolling and removing -------------------------------------------------------------------------------------------


def test_enrolling_is_recorded_and_told(lea):
    setup = verbs.start_enrolment(lea, by=lea, password=PASSWORD, request_meta=META)
    assert not second_factor.is_enrolled(lea)
    codes = verbs.enrol_second_factor(lea, by=lea, setup=setup, code=Phone(setup.secret).code())
    assert second_factor.is_enrolled(lea)
    assert len(set(codes)) == 10
    assert recorded(AccountAction.SECOND_FACTOR_SET).get().payload == {"method": "totp"}
    assert recorded(AccountAction.RECOVERY_CODES_MADE).get().about == lea
    assert lea.notifications.get().kind == AccountAction.SECOND_FACTOR_SET


def test_a_stolen_session_neither_enrols_nor_removes_nor_makes_codes(lea, jonas, phone):
    with pytest.raises(NotAllowed, match="password is wrong"):
        verbs.start_enrolment(jonas, by=jonas, password="", request_meta=META)
    given = {"by": lea, "password": "wrong", "code": phone.code(), "request_meta": META}
    for verb in (verbs.remove_second_factor, verbs.make_recovery_codes):
        with pytest.raises(NotAllowed, match="password is wrong"):
            verb(lea, **given)
        with pytest.raises(NotAllowed, match="six-digit code"):
            verb(lea, **given | {"password": PASSWORD, "code": ""})
        with pytest.raises(NotAllowed, match="code is wrong"):
            verb(lea, **given | {"password": PASSWORD, "code": phone.wrong()})
    assert second_factor.is_enrolled(lea)


def test_nobody_does_it_for_another(lea, jonas, admin, phone):
    for by in (jonas, admin):
        given = {"by": by, "password": PASSWORD, "request_meta": META}
        with pytest.raises(NotAllowed):
            verbs.start_enrolment(lea, **given)
        with pytest.raises(NotAllowed):
            verbs.remove_second_factor(lea, code=phone.code(), **given)


def test_a_wrong_first_code_leaves_nothing_behind(lea):
    setup = verbs.start_enrolment(lea, by=lea, password=PASSWORD, request_meta=META)
    with pytest.raises(Invalid) as refused:
        verbs.enrol_second_factor(lea, by=lea, setup=setup, code=Phone(setup.secret).wrong())
    assert refused.value.errors[0]["field"] == "code"
    assert not Authenticator.objects.exists()
    assert not AccountEvent.objects.exists()


def test_who_has_one_enrols_no_second(lea, phone):
    with pytest.raises(TransitionDenied, match="already"):
        verbs.start_enrolment(lea, by=lea, password=PASSWORD, request_meta=META)
    setup = second_factor.new_setup(lea, now=timezone.now())
    with pytest.raises(TransitionDenied, match="already"):
        verbs.enrol_second_factor(lea, by=lea, setup=setup, code=Phone(setup.secret).code())
    assert sign(lea, phone.code()) == "password+totp"


def test_a_setup_is_its_persons_and_ends(lea, jonas):
    now = timezone.now()
    sealed = second_factor.new_setup(lea, now=now).sealed
    assert second_factor.setup_again(lea, sealed, now=now + timedelta(minutes=9)).sealed == sealed
    for user, text, moment in (
        (jonas, sealed, now),
        (lea, sealed, now + timedelta(minutes=11)),
        (lea, "", now),
        (lea, secrets_at_rest.encrypt("[1]"), now),
        (lea, secrets_at_rest.encrypt('"x"'), now),
        (lea, "\ud800", now),
    ):
        with pytest.raises(TransitionDenied, match="Start again"):
            second_factor.setup_again(user, text, now=moment)


def test_removing_ones_own_is_recorded_and_told(lea, phone):
    verbs.remove_second_factor(lea, by=lea, password=PASSWORD, code=phone.recovery[0], request_meta=META)
    assert not Authenticator.objects.exists()
    assert recorded(AccountAction.SECOND_FACTOR_REMOVED).get().payload == {"method": "totp", "reason": ""}
    assert lea.notifications.filter(kind=AccountAction.SECOND_FACTOR_REMOVED).count() == 1
    assert sign(lea, "") == "password"


def test_an_administrator_removes_it_with_a_reason_and_the_person_reads_it(lea, admin, phone):
    verbs.remove_second_factor_of(lea.pk, by=admin, reason="Phone lost, seen in person")
    assert not second_factor.is_enrolled(lea)
    event = recorded(AccountAction.SECOND_FACTOR_REMOVED).get()
    assert (event.actor, event.about) == (admin, lea)
    assert event.payload == {"method": "totp", "reason": "Phone lost, seen in person"}
    assert "Phone lost" in lea.notifications.get(kind=AccountAction.SECOND_FACTOR_REMOVED).body


def test_an_administrator_gives_a_reason_and_takes_off_only_what_is_there(lea, jonas, admin, phone):
    for reason in ("", " ", "x" * 201, "a\nb", "a\x00b"):
        with pytest.raises(Invalid):
            verbs.remove_second_factor_of(lea.pk, by=admin, reason=reason)
    with pytest.raises(NotAllowed):
        verbs.remove_second_factor_of(lea.pk, by=jonas, reason="Because")
    with pytest.raises(TransitionDenied):
        verbs.remove_second_factor_of(jonas.pk, by=admin, reason="Because")
    Phone.of(admin)
    with pytest.raises(NotAllowed, match="your account page"):
        verbs.remove_second_factor_of(admin.pk, by=admin, reason="Because")
    assert Authenticator.objects.filter(type="totp").count() == 2


def test_the_command_line_is_the_way_back_of_the_last_administrator(admin):
    Phone.of(admin)
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("remove_second_factor", "nobody@lab.org", "--reason", "Phone lost")
    with pytest.raises(CommandError, match="may not be empty"):
        call_command("remove_second_factor", "admin@lab.org", "--reason", " ")
    call_command("remove_second_factor", "Admin@lab.org", "--reason", "Phone lost")
    assert not second_factor.is_enrolled(admin)
    event = recorded(AccountAction.SECOND_FACTOR_REMOVED).get()
    assert (event.actor, event.about, event.payload["reason"]) == (User.objects.system(), admin, "Phone lost")
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("remove_second_factor", "admin@lab.org", "--reason", "Phone lost")


def test_of_two_that_enrol_at_once_one_wins(transactional_db, lea):
    setups = [second_factor.new_setup(lea, now=timezone.now()) for _ in range(2)]
    calls = [
        lambda setup=setup: verbs.enrol_second_factor(lea, by=lea, setup=setup, code=Phone(setup.secret).code())
        for setup in setups
    ]
    answers = at_once(*calls)
    assert sorted(getattr(answer, "code", "enrolled") for answer in answers) == ["already_enrolled", "enrolled"]
    assert recorded(AccountAction.SECOND_FACTOR_SET).count() == 1


def test_nothing_is_written_where_the_audit_trail_cannot_be(lea, jonas, admin, phone, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("the audit trail cannot be written")

    setup = second_factor.new_setup(jonas, now=timezone.now())
    code, before = Phone(setup.secret).code(), list(Authenticator.objects.order_by("pk").values("pk", "data"))
    for module in ("transitions_second_factor", "second_factor"):
        monkeypatch.setattr(f"accounts.{module}.record_account_event", broken)
    for call in (
        lambda: verbs.enrol_second_factor(jonas, by=jonas, setup=setup, code=code),
        lambda: verbs.remove_second_factor_of(lea.pk, by=admin, reason="Because"),
        lambda: sign(lea, phone.recovery[0]),
    ):
        with pytest.raises(RuntimeError):
            call()
    assert list(Authenticator.objects.order_by("pk").values("pk", "data")) == before
    assert not Notification.objects.exists()


# --- What is stored ---------------------------------------------------------------------------------------------------


def test_no_secret_is_stored_as_it_is(lea, phone):
    sign(lea, phone.code())
    stored = json.dumps(
        [*Authenticator.objects.values_list("data", flat=True), *AccountEvent.objects.values_list("body")]
    )
    assert phone.secret not in stored
    assert all(code not in stored and code.replace(" ", "") not in stored for code in phone.recovery)


def test_a_new_secret_key_loses_nothing_while_the_old_is_a_fallback_and_a_used_factor_moves_on(lea, phone, settings):
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key of this deployment, long enough"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert sign(lea, phone.code()) == "password+totp"
    assert sign(lea, phone.recovery[0]) == "password+recovery_code"
    settings.SECRET_KEY_FALLBACKS = []
    assert sign(lea, phone.code(+1)) == "password+totp"


def test_a_secret_that_cannot_be_read_is_a_refusal_that_says_who_can_help(lea, phone, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a key that came from nowhere, long enough", []
    assert refusal_of(lea, phone.code()) == "second_factor_unreadable"
    assert refusal_of(lea, phone.recovery[0]) == "second_factor_unreadable"
    assert second_factor.recovery_codes_left(lea) == 0
