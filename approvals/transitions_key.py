"""Changing the deployment's signing key (ADR 0017)."""

from django.db import transaction

from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.policies import check_is_administrator
from approvals import keys
from ledger.errors import TransitionDenied
from portal.text import clean_text

MAX_REASON = 500


def rotate_signing_key(*, by, reason):
    """Sign with a new key from now on; what the old one sealed stays verifiable. Answers the new key.

    The order makes it safe to be killed anywhere and run again: the old public key is kept and the change is
    recorded before the new key signs anything. Raises NotAllowed, Invalid at `reason`, and TransitionDenied for the
    second of two at once.
    """
    check_is_administrator(by)
    reason = clean_text(reason or "", "reason", MAX_REASON)
    seen = _fingerprint(keys.current_if_any())
    with keys.held():
        before = keys.current_if_any()
        if _fingerprint(before) != seen:
            raise TransitionDenied(
                "Somebody else changed the key just now. Look again before you change it once more.", code="key_changed"
            )
        if before:
            keys.retire(before)
        after = keys.prepare()
        with transaction.atomic():
            record_account_event(
                AccountAction.SIGNING_KEY_ROTATED,
                by=by,
                before=_fingerprint(before),
                after=after.fingerprint,
                reason=reason,
            )
        keys.install()
    return after


def _fingerprint(key):
    return key.fingerprint if key else None
