"""Who calls the API: a bearer token within its scope, or the browser's session."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS

from accounts.enums import TokenScope
from accounts.models import ApiToken
from ledger.errors import NotAllowed

logger = logging.getLogger(__name__)

LAST_USE_PRECISION = timedelta(minutes=1)
LONGEST_TOKEN_TEXT = 128
CHANGE_FIRST = "Somebody else set your password. Change it before anything else."


def check_password_is_ones_own(request, user):
    """While a change of password is due, only views marked `open_before_password_change` answer."""
    view = (getattr(request, "parser_context", None) or {}).get("view")
    if user.must_change_password and not getattr(view, "open_before_password_change", False):
        raise NotAllowed(CHANGE_FIRST, code="password_change_required")


class BearerAuthentication(TokenAuthentication):
    """`Authorization: Bearer …`; `request.auth` is the ApiToken."""

    def authenticate(self, request):
        found = super().authenticate(request)
        if found is None:
            return None
        user, token = found
        if token.scope != TokenScope.WRITE and request.method not in SAFE_METHODS:
            raise NotAllowed("This token may only read. Use one with the scope write.", code="token_scope")
        check_password_is_ones_own(request, user)
        return user, token

    def authenticate_credentials(self, token):
        # Not the library's way: it deletes rows on reading, and text that is no UTF-8 is a 500.
        if len(token) > LONGEST_TOKEN_TEXT or not token.isascii():
            raise AuthenticationFailed("The token is not valid.")
        digest = hash_token(token.decode("ascii"))
        row = ApiToken.objects.select_related("user").filter(digest=digest).first()
        now = timezone.now()
        if row is None or not row.user.is_active:
            raise AuthenticationFailed("The token is not valid.")
        if row.expiry is not None and row.expiry <= now:
            raise AuthenticationFailed("The token has expired.", code="token_expired")
        self._note_use(row, now)
        return row.user, row

    def _note_use(self, row, now):
        # Once a minute is enough to see a stolen token, and cheap enough to ask for on every request.
        stale = now - LAST_USE_PRECISION
        if row.last_used_at is None or row.last_used_at < stale:
            unused = Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale)
            try:
                ApiToken.objects.filter(unused, pk=row.pk).update(last_used_at=now)
            except OperationalError:
                # A busy database must not fail a request that only reads.
                logger.warning("The last use of token %s was not noted.", row.token_key)


class PortalSessionAuthentication(SessionAuthentication):
    """The browser's session, with CSRF, once the password is the person's own."""

    def authenticate(self, request):
        found = super().authenticate(request)
        if found is not None:
            check_password_is_ones_own(request, found[0])
        return found

    def authenticate_header(self, request):
        # Without a challenge DRF turns 401 into 403.
        return settings.REST_KNOX["AUTH_HEADER_PREFIX"]
