"""Sign-in and the caller's own account."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import transitions
from accounts.api.serializers import LoginAnswer, LoginInput, MeSerializer, PasswordInput
from accounts.lockout import client_address
from accounts.passwords import check_sign_in
from accounts.queries import grants_in_force, team_memberships
from accounts.sign_in import keep_session
from accounts.transitions_password import change_password
from ledger.errors import NotAllowed
from portal.parsing import SmallJSONParser

TOKEN_LIFETIME = settings.REST_KNOX.get("TOKEN_TTL", timedelta(hours=12))


def checked(serializer_class, request, **options):
    """The validated members of the request's body."""
    serializer = serializer_class(data=request.data, **options)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class Login(APIView):
    """Exchange e-mail address and password for a bearer token; repeated failures lock for 15 minutes.

    Who has a second factor also sends its `code`. Without it the answer to the right password is 401
    `second_factor_required`, with a wrong or used one 401 `wrong_code`.
    """

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [SmallJSONParser]

    def get_authenticate_header(self, request):
        # Without a challenge DRF turns 401 into 403.
        return settings.REST_KNOX["AUTH_HEADER_PREFIX"]

    @extend_schema(request=LoginInput, responses=LoginAnswer, auth=[])
    def post(self, request):
        given = checked(LoginInput, request)
        try:
            user = check_sign_in(given["email"], given["password"], request_meta=request.META, code=given["code"])
        except NotAllowed as refusal:
            raise AuthenticationFailed(refusal.sentence, code=refusal.code) from refusal
        expires_at = timezone.now() + TOKEN_LIFETIME
        row, token = transitions.create_token(
            user, by=user, expires_at=expires_at, address=client_address(request.META)
        )
        return Response(LoginAnswer({"token": token, "expires_at": row.expiry, "user": user}).data)


class Logout(APIView):
    """Revoke the token this call came with, or end the browser's session."""

    open_before_password_change = True

    @extend_schema(request=None, responses={204: None})
    def post(self, request):
        if request.auth is not None:
            transitions.revoke_token(request.auth.token_key, by=request.user)
        else:
            request.session.flush()
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutAll(APIView):
    """Revoke every token of the caller."""

    open_before_password_change = True

    @extend_schema(request=None, responses={204: None})
    def post(self, request):
        transitions.revoke_own_tokens(by=request.user)
        if request.auth is None:
            request.session.flush()
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(APIView):
    """The caller with teams and role grants in force."""

    open_before_password_change = True

    @extend_schema(responses=MeSerializer)
    def get(self, request):
        user = request.user
        user.team_memberships = team_memberships(user)
        user.grants_in_force = grants_in_force(user, timezone.now())
        return Response(MeSerializer(user).data)


class MyPassword(APIView):
    """Choose a new password; asks for the present one and, where a second factor is enrolled, for its `code`.

    Other sessions and API sign-ins end; the one of this call and tokens that have a name stay.
    """

    open_before_password_change = True
    parser_classes = [SmallJSONParser]

    @extend_schema(request=PasswordInput, responses={204: None})
    def post(self, request):
        given = checked(PasswordInput, request)
        change_password(
            request.user,
            by=request.user,
            old_password=given["password"],
            new_password=given["new_password"],
            code=given["code"],
            revoke_named_tokens=given["revoke_tokens"],
            present_token=request.auth,
            request_meta=request.META,
        )
        if request.auth is None:
            keep_session(request)
        return Response(status=status.HTTP_204_NO_CONTENT)
