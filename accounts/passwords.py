"""Checks a password, always counted, always before any transaction (hashing takes 0.2 s)."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts import lockout
from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.models import User
from accounts.notify import notify, operators
from ledger.errors import NotAllowed

PASSWORD_LENGTH = 1024
TELL_AGAIN_SECONDS = 60 * 60


@dataclass(frozen=True)
class Authentication:
    """How and when a signer proved who they are; part of the signed statement."""

    method: str
    at: datetime


def check_sign_in(email, password, *, request_meta):
    """The active user with this e-mail address and password.

    Raises NotAllowed `wrong_credentials` (alike for unknown, wrong and deactivated) or TooMany `locked_out`.
    """
    user = _user_with(email)
    counter = lockout.account_counter(lockout.SIGN_IN, email)
    if _verified(user, password, counter, lockout.SIGN_IN, request_meta):
        return user
    raise NotAllowed("The e-mail address or the password is wrong.", code="wrong_credentials")


def check_password_again(user, password, *, request_meta):
    """Proof that the signed-in person is still the one at the keyboard (21 CFR 11.200(a)).

    Answers an Authentication. Raises NotAllowed `wrong_password` or `password_change_required`, TooMany `locked_out`.
    Call it before any transaction.
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
    check_own_password(fresh, password, request_meta=request_meta)
    return Authentication(method="password", at=timezone.now())


def check_own_password(user, password, *, request_meta):
    """Like `check_password_again`, whatever the deployment's rules and also while a change is due."""
    counter = lockout.account_counter(lockout.SIGN, user.pk)
    if not _verified(user, password, counter, lockout.SIGN, request_meta):
        raise NotAllowed("The password is wrong.", code="wrong_password")


def unlock(user):
    """Forget the wrong passwords of an account."""
    lockout.account_counter(lockout.SIGN_IN, user.email).clear()
    lockout.account_counter(lockout.SIGN, user.pk).clear()


def _user_with(email):
    email = email.strip().lower() if isinstance(email, str) else ""
    # PostgreSQL refuses NUL and lone surrogates with an exception.
    if not email.isprintable() or not 0 < len(email) <= 254:
        return None
    return User.objects.active().filter(email=email).first()


def _verified(user, password, counter, purpose, request_meta):
    now, address = timezone.now(), lockout.client_address(request_meta)
    of_address = lockout.address_counter(purpose, address)
    place = of_address.claim(now)
    try:
        counter.claim(now)
    except BaseException:
        cache.delete(place)
        raise
    if _matches(user, password):
        counter.clear()
        cache.delete(place)
        return True
    _record_failure(user, counter, purpose, address)
    return False


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


def _record_failure(user, counter, purpose, address):
    locked = counter.is_full()
    action = AccountAction.SIGN_IN_FAILED if purpose == lockout.SIGN_IN else AccountAction.SIGNATURE_PASSWORD_FAILED
    tell = locked and user is not None and cache.add(f"told:{counter.name}", 1, TELL_AGAIN_SECONDS)
    with transaction.atomic():
        record_account_event(action, by=user, about=user, address=address)
        if tell:
            record_account_event(AccountAction.LOCKED, by=User.objects.system(), about=user, address=address)
            title = f"{user.printed_name} is locked out after {counter.limit} wrong passwords"
            notify([user, *operators()], kind=AccountAction.LOCKED, title=title, url="/account/notifications/")
