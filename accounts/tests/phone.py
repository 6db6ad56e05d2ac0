"""A person's authenticator app, as tests hold it."""

from django.utils import timezone

from accounts import second_factor


class Phone:
    def __init__(self, secret, recovery=()):
        self.secret, self.recovery = secret, list(recovery)

    @classmethod
    def of(cls, user):
        """Enrol the person; the codes shown up to now are not used up."""
        secret = second_factor.new_setup(user, now=timezone.now()).secret
        second_factor.store(user, secret, last_step=0)
        return cls(secret, second_factor.fresh_recovery_codes(user))

    def code(self, later=0):
        """What the app shows now, or so many steps later."""
        return second_factor.code_of(self.secret, second_factor.step_of(timezone.now()) + later)

    def wrong(self):
        """Six digits that fit no step near now."""
        near = {self.code(step) for step in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in near)
