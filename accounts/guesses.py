"""One try at a password or a code: counted before it is checked, given back when it was right."""

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts import lockout
from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.models import User
from accounts.notify import notify, operators

TELL_AGAIN_SECONDS = 60 * 60
ENDS_BY_ITSELF = (
    f"It ends by itself {lockout.WINDOW_SECONDS // 60} minutes after the oldest of them; an administrator can unlock "
    "the account before. If it was not you, tell an administrator."
)


class Guess:
    """Takes a place of the account and of the address. Raises TooMany `locked_out` where none is free.

    `user` is None for an e-mail address that is nobody's.
    """

    def __init__(self, purpose, account, *, user, request_meta):
        now = timezone.now()
        self.user, self.address = user, lockout.client_address(request_meta)
        self.counter = lockout.account_counter(purpose, account)
        self.places = [lockout.address_counter(purpose, self.address).claim(now)]
        try:
            self.places.append(self.counter.claim(now))
        except BaseException:
            self.is_unfinished()
            raise

    def was_right(self):
        """Everything that was asked for is proved: the wrong ones before it are forgotten."""
        self.is_unfinished()
        self.counter.clear()

    def is_unfinished(self):
        """Not wrong, but a second factor is still missing: the wrong ones before it go on counting."""
        cache.delete_many(self.places)

    def was_wrong(self, action):
        """Record it, and tell person and operators once the account is locked."""
        user, counter = self.user, self.counter
        tell = counter.is_full() and user is not None and cache.add(f"told:{counter.name}", 1, TELL_AGAIN_SECONDS)
        with transaction.atomic():
            record_account_event(action, by=user, about=user, address=self.address)
            if tell:
                record_account_event(AccountAction.LOCKED, by=User.objects.system(), about=user, address=self.address)
                title = f"{user.printed_name} is locked out after {counter.limit} wrong passwords or codes"
                people = [user, *operators()]
                notify(
                    people, kind=AccountAction.LOCKED, title=title, body=ENDS_BY_ITSELF, url="/account/notifications/"
                )
