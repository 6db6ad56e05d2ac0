"""The accounts' audit trail: who did what to whose account."""

from accounts.enums import PAYLOAD_KEYS
from accounts.models import AccountEvent
from ledger.canonical import canonical_text


def record_account_event(action, *, by, about=None, address="", **payload):
    """Append one row, in the caller's transaction. `by` is None only for a sign-in with an unknown address."""
    keys = PAYLOAD_KEYS.get(action, set())
    if set(payload) != keys:
        raise ValueError(f"{action} carries {sorted(keys)}, not {sorted(payload)}.")
    return AccountEvent.objects.create(
        action=action,
        actor=by,
        actor_name=by.printed_name if by else "",
        about=about,
        about_name=about.printed_name if about else "",
        address=address,
        body=canonical_text(payload),
    )
