"""Every write to second factors, each with its line in the accounts' audit trail and a word to the person."""

from django.db import transaction
from django.utils import timezone

from accounts import passwords, second_factor
from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.locks import locked_person
from accounts.models import SYSTEM_EMAIL, User
from accounts.notify import notify
from accounts.policies import check_is_administrator, check_is_oneself
from accounts.second_factor import PAGE
from accounts.transitions import end_tokens
from accounts.validation import one_clean_line
from ledger.errors import Invalid, NotAllowed, TransitionDenied

METHOD = "totp"
REASON_LENGTH = 200
NOT_YOU = "If it was not you, change your password and tell an administrator."


def start_enrolment(user, *, by, password, request_meta):
    """A secret to show, not active yet; answers a Setup. Raises NotAllowed `wrong_password`, TooMany."""
    check_is_oneself(by, user)
    _check_not_enrolled(user)
    passwords.check_own_password(user, password, request_meta=request_meta)
    return second_factor.new_setup(user, now=timezone.now())


def enrol_second_factor(user, *, by, setup, code):
    """Make the secret of `setup` active once its first code is right; answers the recovery codes, shown only now.

    Other sessions and API sign-ins end: they were begun with the password alone. Raises Invalid at `code`,
    TransitionDenied where one is enrolled already.
    """
    check_is_oneself(by, user)
    digits = second_factor.digits_of(code) or ""
    step = second_factor.matching_step(setup.secret, digits, now=timezone.now())
    if step is None:
        sentence = (
            "This is not the code of this secret. Give the one your app shows now; the phone's clock must be right."
        )
        raise Invalid.field("code", sentence, code="wrong_code")
    with transaction.atomic():
        user = locked_person(user.pk)
        check_is_oneself(by, user)
        _check_not_enrolled(user)
        second_factor.store(user, setup.secret, last_step=step)
        codes = second_factor.fresh_recovery_codes(user)
        end_tokens(user, by=by, only_sign_ins=True)
        record_account_event(AccountAction.SECOND_FACTOR_SET, by=by, about=user, method=METHOD)
        record_account_event(AccountAction.RECOVERY_CODES_MADE, by=by, about=user)
        _tell(user, AccountAction.SECOND_FACTOR_SET, "Your second factor is set up")
    return codes


def make_recovery_codes(user, *, by, password, code, request_meta):
    """New recovery codes in place of the old; answers them, shown only now. Raises as `check_password_again`."""
    check_is_oneself(by, user)
    _check_enrolled(user)
    passwords.check_own_password_and_code(user, password, code, request_meta=request_meta)
    with transaction.atomic():
        user = locked_person(user.pk)
        _check_enrolled(user)
        codes = second_factor.fresh_recovery_codes(user)
        record_account_event(AccountAction.RECOVERY_CODES_MADE, by=by, about=user)
        _tell(user, AccountAction.RECOVERY_CODES_MADE, "You have new recovery codes")
    return codes


def remove_second_factor(user, *, by, password, code, request_meta):
    """Take one's own second factor off; password and code are asked for. Other sessions and API sign-ins end.

    Raises as `check_password_again`.
    """
    check_is_oneself(by, user)
    _check_enrolled(user)
    passwords.check_own_password_and_code(user, password, code, request_meta=request_meta)
    with transaction.atomic():
        user = locked_person(user.pk)
        _remove(user, by=by, reason="")
        _tell(user, AccountAction.SECOND_FACTOR_REMOVED, "Your second factor is removed")


def remove_second_factor_of(user_id, *, by, reason):
    """Let somebody back in who lost phone and recovery codes; the person is told, with the reason.

    `by` is an administrator, or the system user for `manage.py remove_second_factor`. Raises NotAllowed, Invalid at
    `reason`, TransitionDenied where none is enrolled.
    """
    _check_may_remove_of(user_id, by)
    reason = one_clean_line(reason, "reason", REASON_LENGTH)
    with transaction.atomic():
        user = locked_person(user_id)
        _check_may_remove_of(user_id, User.objects.get(pk=by.pk))
        _remove(user, by=by, reason=reason)
        title = f"{by.printed_name} removed your second factor"
        body = f"Reason: {reason}. If you did not ask for it, tell compliance."
        notify([user], kind=AccountAction.SECOND_FACTOR_REMOVED, title=title, body=body, url=PAGE)
    return user


def _check_may_remove_of(user_id, by):
    if by.email == SYSTEM_EMAIL:
        return
    check_is_administrator(by)
    if user_id == by.pk:
        raise NotAllowed("Remove your own second factor on your account page, with its code.", code="own_factor")


def _remove(user, *, by, reason):
    _check_enrolled(user)
    second_factor.of_person(user).delete()
    end_tokens(user, by=by, only_sign_ins=True)
    record_account_event(AccountAction.SECOND_FACTOR_REMOVED, by=by, about=user, method=METHOD, reason=reason)


def _tell(user, action, title):
    notify([user], kind=action, title=title, body=NOT_YOU, url=PAGE)


def _check_enrolled(user):
    if not second_factor.is_enrolled(user):
        raise TransitionDenied(f"{user.printed_name} has no second factor.", code="not_enrolled")


def _check_not_enrolled(user):
    if second_factor.is_enrolled(user):
        raise TransitionDenied(
            "You have a second factor already. Make new recovery codes if you did not see them, "
            "or remove it before you set up another.",
            code="already_enrolled",
        )
