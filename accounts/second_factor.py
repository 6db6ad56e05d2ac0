"""Second factors: time-based codes (RFC 6238) and one-time recovery codes, kept in allauth's Authenticator rows.

None of allauth's pages are served. Its own check would take a code twice, so the last time step that was used is
stored with the secret and only later ones count (docs/adr/0012).
"""

import hmac
import json
from dataclasses import dataclass
from datetime import timedelta

from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.db import transaction

from accounts import secrets_at_rest
from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.notify import notify
from accounts.secrets_at_rest import Unreadable
from ledger.errors import NotAllowed, TransitionDenied

STEP_SECONDS = 30
DRIFT = 1  # steps a phone's clock may be wrong, either way
TOTP_DIGITS, RECOVERY_DIGITS = 6, 8
LONGEST_CODE = 64
SETUP_LASTS = timedelta(minutes=10)
OURS = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
PAGE = "/account/second-factor/"


class Adapter(DefaultMFAAdapter):
    """What allauth asks of us: secrets are stored encrypted, apps show them as BioLabs."""

    def encrypt(self, text):
        return secrets_at_rest.encrypt(text)

    def decrypt(self, encrypted_text):
        return secrets_at_rest.decrypt(encrypted_text)

    def get_totp_issuer(self):
        return "BioLabs"


def is_enrolled(user):
    """Whether this person gives a code with the password."""
    return of_person(user).filter(type=Authenticator.Type.TOTP).exists()


def of_person(user):
    return Authenticator.objects.filter(user_id=user.pk, type__in=OURS)


def recovery_codes_left(user):
    """How many recovery codes still work."""
    row = of_person(user).filter(type=Authenticator.Type.RECOVERY_CODES).first()
    try:
        return len(row.wrap().get_unused_codes()) if row else 0
    except Unreadable:
        return 0


# --- A code -----------------------------------------------------------------------------------------------------------


def digits_of(code):
    """The digits of what was typed, spaces and dashes left out; None for what can be no code."""
    if not isinstance(code, str) or len(code) > LONGEST_CODE:
        return None
    digits = code.strip().replace(" ", "").replace("-", "")
    return digits if digits.isascii() and digits.isdigit() else None


def step_of(moment):
    return int(moment.timestamp()) // STEP_SECONDS


def code_of(secret, step):
    return format_hotp_value(hotp_value(secret, step))


def matching_step(secret, digits, *, now):
    """The time step this code belongs to, at most one away from now; None where it belongs to none."""
    present, found = step_of(now), None
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step), digits):
            found = step
    return found


def take_code(user, code, *, now):
    """Use up a code: `totp`, `recovery_code`, or None where it is wrong or was used before.

    Raises NotAllowed `second_factor_unreadable` where the stored secret cannot be read.
    """
    digits = digits_of(code)
    if digits is None or len(digits) not in (TOTP_DIGITS, RECOVERY_DIGITS):
        return None
    try:
        with transaction.atomic():
            rows = {row.type: row for row in of_person(user).select_for_update().order_by("pk")}
            return _taken(user, rows, digits, now)
    except Unreadable as error:
        raise NotAllowed(
            "Your second factor can no longer be read. Ask an administrator to remove it, then enrol again.",
            code="second_factor_unreadable",
        ) from error


def _taken(user, rows, digits, now):
    totp, recovery = (rows.get(kind) for kind in OURS)
    if totp is None:
        return None
    if len(digits) == TOTP_DIGITS:
        return "totp" if _take_step(totp, digits, now) else None
    if recovery is None or not recovery.wrap().validate_code(digits):
        return None
    left = recovery_codes_left(user)
    record_account_event(AccountAction.RECOVERY_CODE_USED, by=user, about=user, left=left)
    notify(
        [user],
        kind=AccountAction.RECOVERY_CODE_USED,
        title=f"A recovery code of yours was used; {left} left",
        body="If it was not you, change your password and tell an administrator.",
        url=PAGE,
    )
    return "recovery_code"


def _take_step(row, digits, now):
    secret = secrets_at_rest.decrypt(row.data["secret"])
    step = matching_step(secret, digits, now=now)
    if step is None or step <= row.data["last_step"]:
        return False
    # Written anew under the present SECRET_KEY: an earlier one need not be kept for ever.
    row.data = {"secret": secrets_at_rest.encrypt(secret), "last_step": step}
    row.last_used_at = now
    row.save(update_fields=["data", "last_used_at"])
    return True


# --- Enrolment --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """A secret that is not active yet. `sealed` travels in the form, so that a session alone never shows it."""

    secret: str
    sealed: str
    address: str
    picture: str

    @property
    def typed(self):
        """The secret in groups of four, to be typed."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))


def new_setup(user, *, now):
    secret = generate_totp_secret()
    sealed = secrets_at_rest.encrypt(json.dumps({"setup": secret, "user": str(user.pk), "at": now.timestamp()}))
    return _setup(user, secret, sealed)


def setup_again(user, sealed, *, now):
    """The setup a form brought back. Raises TransitionDenied where it is too old or not this person's."""
    try:
        given = json.loads(secrets_at_rest.decrypt(sealed))
        fits = given["user"] == str(user.pk) and now.timestamp() - given["at"] <= SETUP_LASTS.total_seconds()
        secret = given["setup"]
    except (Unreadable, ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise TransitionDenied("This page is too old. Start again with your password.", code="setup_expired")
    return _setup(user, secret, sealed)


def _setup(user, secret, sealed):
    adapter = get_adapter()
    address = adapter.build_totp_url(user, secret)
    svg = adapter.build_totp_svg(address)
    return Setup(secret, sealed, address, svg[svg.index("<svg") :])


def store(user, secret, *, last_step):
    """Make the secret this person's second factor; inside the caller's transaction."""
    row = TOTP.activate(user, secret).instance
    row.data["last_step"] = last_step
    row.save(update_fields=["data"])


def fresh_recovery_codes(user):
    """New recovery codes, in two groups; earlier ones stop working. Inside the caller's transaction."""
    of_person(user).filter(type=Authenticator.Type.RECOVERY_CODES).delete()
    return [f"{code[:4]} {code[4:]}" for code in RecoveryCodes.activate(user).generate_codes()]
