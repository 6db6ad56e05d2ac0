"""Counts wrong passwords and codes in the shared cache, per account and per address (21 CFR 11.300(d)).

Every guess claims a place before it is checked and gives it back when it was right, so that guesses made at the
same moment in several processes count too.
"""

from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache

from ledger.errors import TooMany

WINDOW_SECONDS = 15 * 60
ACCOUNT_LIMIT = 5
ADDRESS_LIMIT = 30
SIGN_IN = "sign-in"
SIGN = "sign"


@dataclass(frozen=True)
class Counter:
    """Wrong passwords of one account or address within the last 15 minutes."""

    name: str
    limit: int
    sentence: str

    @property
    def places(self):
        return [f"lockout:{self.name}:{number}" for number in range(self.limit)]

    def claim(self, now):
        """One place; raises TooMany when all are taken."""
        taken = cache.get_many(self.places)
        for place in self.places:
            if place not in taken and cache.add(place, now.timestamp(), WINDOW_SECONDS):
                return place
        oldest = min(taken.values(), default=now.timestamp())
        retry_after = max(1, int(oldest + WINDOW_SECONDS - now.timestamp()))
        minutes = -(-retry_after // 60)
        raise TooMany(self.sentence.format(minutes=minutes), retry_after=retry_after, code="locked_out")

    def is_full(self):
        return len(cache.get_many(self.places)) >= self.limit

    def clear(self):
        cache.delete_many(self.places)


def account_counter(purpose, account):
    """`account` is an e-mail address for sign-in (known or not), a user's id for signing."""
    return Counter(
        f"{purpose}:account:{_short(str(account).strip().lower())}",
        ACCOUNT_LIMIT,
        "Too many wrong passwords or codes for this account. Try again in {minutes} min, "
        "or ask an administrator to unlock it.",
    )


def address_counter(purpose, address):
    return Counter(
        f"{purpose}:address:{_short(address)}",
        ADDRESS_LIMIT,
        "Too many wrong passwords or codes from this network address. Try again in {minutes} min.",
    )


def _short(text):
    # Cache keys hold no spaces, control characters or e-mail addresses.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def client_address(request_meta):
    """The caller's network address; X-Forwarded-For counts only as far as proxies of ours wrote it."""
    hops = [hop.strip() for hop in request_meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    proxies = settings.TRUSTED_PROXIES
    if proxies and len(hops) >= proxies:
        return hops[-proxies][:64]
    return request_meta.get("REMOTE_ADDR", "")[:64]
