"""Checks a password and, where enrolled, a code; always counted, always before any transaction (hashing takes 0.2 s).

The password comes first: a wrong one says nothing about the code. Where a second factor is enrolled the password
alone never clears the count, or it would buy new tries at the code.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from accounts import lockout, second_factor
from accounts.enums import AccountAction
from accounts.guesses import Guess
from accounts.models import User
from ledger.errors import NotAllowed

PASSWORD_LENGTH = 1024


@dataclass(frozen=True)
class Authentication:
    """How and when a signer proved who they are; part of the signed statement.

    `method` is `password`, `password+totp`, `password+recovery_code`, or `session` where the deployment says so.
    In a signing series `series` is the number of this signing, from 1, and `until` when the series ends.
    """

    method: str
    at: datetime
    series: int | None = None
    until: datetime | None = None


def check_sign_in(email, password, *, request_meta, code=""):
    """The active user with this e-mail address and password and, where enrolled, this code.

    Raises NotAllowed `wrong_credentials` (alike for unknown, wrong and deactivated), `second_factor_required`,
    `wrong_code`, or TooMany `locked_out`.
    """
    user, guess = _right_password(email, password, request_meta)
    _check_code(user, code, guess)
    return user


def check_first_step(email, password, *, request_meta):
    """`(user, complete)`: complete where the password is all that is needed. Raises as `check_sign_in`."""
    user, guess = _right_password(email, password, request_meta)
    return user, _password_suffices(user, guess)


def check_second_step(user, code, *, request_meta):
    """The code of a person whose password was right a moment ago; counted together with wrong passwords.

    Raises NotAllowed `second_factor_required`, `wrong_code`, TooMany `locked_out`.
    """
    _check_code(user, code, Guess(lockout.SIGN_IN, user.email, user=user, request_meta=request_meta))


def check_password_again(user, password, *, request_meta, code=""):
    """Proof that the signed-in person is still the one at the keyboard (21 CFR 11.200(a)).

    Answers an Authentication. Raises NotAllowed `wrong_password`, `password_change_required`, where a second factor
    is enrolled `second_factor_required` and `wrong_code`, where one must be `second_factor_not_enrolled`;
    TooMany `locked_out`. Call it before any transaction.
    """
    fresh = User.objects.active().filter(pk=user.pk).first()
    if fresh is None:
        raise NotAllowed("This account is deactivated.", code="inactive")
    if fresh.must_change_password:
        raise NotAllowed(
            "Somebody else set your password. Change it on your account page before you sign.",
            code="password_change_required",
        )
    if not settings.SIGNATURE_REAUTHENTICATION:
        return Authentication(method="session", at=timezone.now())
    if settings.SECOND_FACTOR_REQUIRED_TO_SIGN and not second_factor.is_enrolled(fresh):
        raise NotAllowed(
            "Here everybody signs with a second factor. Set yours up first: Your account, Second factor.",
            code="second_factor_not_enrolled",
        )
    method = check_own_password_and_code(fresh, password, code, request_meta=request_meta)
    return Authentication(method=method, at=timezone.now())


def check_own_password(user, password, *, request_meta):
    """The password alone, whatever the deployment's rules and also while a change is due."""
    _password_suffices(user, _right_own_password(user, password, request_meta))


def check_own_password_and_code(user, password, code, *, request_meta):
    """Password and, where enrolled, code; answers the method. Raises as `check_password_again`."""
    return _check_code(user, code, _right_own_password(user, password, request_meta))


def unlock(user):
    """Forget the wrong passwords and codes of an account."""
    lockout.account_counter(lockout.SIGN_IN, user.email).clear()
    lockout.account_counter(lockout.SIGN, user.pk).clear()


def _right_password(email, password, request_meta):
    user = _user_with(email)
    guess = Guess(lockout.SIGN_IN, email, user=user, request_meta=request_meta)
    if not _matches(user, password):
        guess.was_wrong(AccountAction.SIGN_IN_FAILED)
        raise NotAllowed("The e-mail address or the password is wrong.", code="wrong_credentials")
    return user, guess


def _right_own_password(user, password, request_meta):
    guess = Guess(lockout.SIGN, user.pk, user=user, request_meta=request_meta)
    if not _matches(user, password):
        guess.was_wrong(AccountAction.SIGNATURE_PASSWORD_FAILED)
        raise NotAllowed("The password is wrong.", code="wrong_password")
    return guess


def _password_suffices(user, guess):
    suffices = not second_factor.is_enrolled(user)
    (guess.was_right if suffices else guess.is_unfinished)()
    return suffices


def _check_code(user, code, guess):
    if not second_factor.is_enrolled(user):
        guess.was_right()
        return "password"
    if code is None or code == "":
        guess.is_unfinished()
        raise NotAllowed("Give the six-digit code of your authenticator app too.", code="second_factor_required")
    try:
        kind = second_factor.take_code(user, code, now=timezone.now())
    except NotAllowed:
        guess.is_unfinished()
        raise
    if kind is None:
        guess.was_wrong(AccountAction.SECOND_FACTOR_FAILED)
        raise NotAllowed(
            "The code is wrong, or it was used already. Wait until your authenticator app shows the next one.",
            code="wrong_code",
        )
    guess.was_right()
    return f"password+{kind}"


def _user_with(email):
    email = email.strip().lower() if isinstance(email, str) else ""
    # PostgreSQL refuses NUL and lone surrogates with an exception.
    if not email.isprintable() or not 0 < len(email) <= 254:
        return None
    return User.objects.active().filter(email=email).first()


def _matches(user, password):
    if user is None or not _could_be_password(password):
        # The same work for everybody: the time must not tell who has an account.
        User().set_password("no such account")
        return False
    return user.check_password(password)


def _could_be_password(text):
    if not isinstance(text, str) or not 0 < len(text) <= PASSWORD_LENGTH:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True
