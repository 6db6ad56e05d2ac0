"""A session ends when the password or the second factor changes under which it was begun (ADR 0012)."""

from django.utils.crypto import salted_hmac


class SessionBinding:
    """Goes before Django's own base of the user; both of its public methods end in the one below."""

    def _get_session_auth_hash(self, secret=None):
        """What a session keeps and every request compares: of the password and, beyond Django, of the second factor."""
        of_password, factor = super()._get_session_auth_hash(secret), self._factor()
        if factor is None:
            return of_password
        both = salted_hmac("accounts.second_factor", f"{of_password}:{factor}", secret=secret, algorithm="sha256")
        return both.hexdigest()

    def _factor(self):
        """The id of the second factor; `PortalBackend` brings it along, so that no page asks for it."""
        if "factor_id" in self.__dict__:
            return self.factor_id
        return self.authenticator_set.filter(type="totp").values_list("pk", flat=True).first()
