"""People, teams and role grants, for administrators and team owners."""

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import transitions
from accounts.api.serializers import (
    MemberInput,
    MemberSerializer,
    RoleGrantInput,
    RoleGrantSerializer,
    TeamInput,
    TeamSerializer,
    UserInput,
    UserSerializer,
)
from accounts.api.views import checked
from accounts.models import Membership, RoleGrant, Team, User
from accounts.policies import check_can_set_password_of, check_is_administrator
from accounts.queries import teams_with_members
from accounts.scoping import uuid_or_404, visible_or_404
from accounts.validation import check_new_password
from portal.paging import CursorPaging


def named(queryset, pk, field):
    """The row a body names; unknown ones are a validation error at that member."""
    row = queryset.filter(pk=pk).first()
    if row is None:
        raise ValidationError({field: ["There is nobody and nothing with this id."]}, code="unknown")
    return row


class Users(ListAPIView):
    """Everybody, the deactivated too. Administrators only."""

    serializer_class = UserSerializer
    pagination_class = CursorPaging
    page_order = "email"
    filter_backends = []

    def get_queryset(self):
        check_is_administrator(self.request.user)
        return User.objects.people()

    @extend_schema(request=UserInput, responses={201: UserSerializer})
    def post(self, request):
        check_is_administrator(request.user)
        user = transitions.create_user(by=request.user, **checked(UserInput, request))
        return Response(UserSerializer(user).data, status=status.HTTP_201_CREATED)


class OneUser(APIView):
    """Change a person; `password` sets a new one that must be changed at the next sign-in."""

    @extend_schema(responses=UserSerializer)
    def get(self, request, pk):
        return Response(UserSerializer(self._person(request, pk)).data)

    @extend_schema(request=UserInput(partial=True), responses=UserSerializer)
    def patch(self, request, pk):
        user = self._person(request, pk)
        given = dict(checked(UserInput, request, partial=True))
        password = given.pop("password", None)
        if password is not None:
            # Before anything is written: a refused password must not leave half a change.
            check_can_set_password_of(request.user, user.pk)
            check_new_password(password, user)
        if given:
            user = transitions.change_user(user.pk, by=request.user, **given)
        if password is not None:
            user = transitions.reset_password(user.pk, by=request.user, new_password=password)
        return Response(UserSerializer(user).data)

    def _person(self, request, pk):
        check_is_administrator(request.user)
        return visible_or_404(User.objects.all(), request.user, pk)


class Teams(ListAPIView):
    """The caller's teams with their members; administrators see all and create them."""

    serializer_class = TeamSerializer
    pagination_class = CursorPaging
    page_order = "name"
    filter_backends = []

    def get_queryset(self):
        return teams_with_members(self.request.user)

    @extend_schema(request=TeamInput, responses={201: TeamSerializer})
    def post(self, request):
        check_is_administrator(request.user)
        team = transitions.create_team(by=request.user, **checked(TeamInput, request))
        return Response(TeamSerializer(team).data, status=status.HTTP_201_CREATED)


class Members(APIView):
    """Add somebody to a team, or change their role in it."""

    @extend_schema(request=MemberInput, responses={200: MemberSerializer, 201: MemberSerializer})
    def post(self, request, team_id):
        team = visible_or_404(Team.objects.all(), request.user, team_id)
        given = checked(MemberInput, request)
        user = named(User.objects.people(), given["user_id"], "user_id")
        membership, created = transitions.add_member(team, user, by=request.user, role=given["role"])
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(MemberSerializer(membership).data, status=code)


class OneMember(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request, team_id, user_id):
        team = visible_or_404(Team.objects.all(), request.user, team_id)
        try:
            transitions.remove_member(team, uuid_or_404(user_id), by=request.user)
        except Membership.DoesNotExist:
            raise Http404 from None
        return Response(status=status.HTTP_204_NO_CONTENT)


class RoleGrants(ListAPIView):
    """Grants in force. Administrators only."""

    serializer_class = RoleGrantSerializer
    pagination_class = CursorPaging
    page_order = "-created_at"
    filter_backends = []

    def get_queryset(self):
        check_is_administrator(self.request.user)
        return RoleGrant.objects.in_force(timezone.now())

    @extend_schema(request=RoleGrantInput, responses={201: RoleGrantSerializer})
    def post(self, request):
        check_is_administrator(request.user)
        given = checked(RoleGrantInput, request)
        user = named(User.objects.people(), given["user_id"], "user_id")
        team = named(Team.objects.all(), given["team_id"], "team_id") if given["team_id"] else None
        grant = transitions.grant_role(
            user, by=request.user, role=given["role"], team=team, valid_until=given["valid_until"]
        )
        return Response(RoleGrantSerializer(grant).data, status=status.HTTP_201_CREATED)


class OneRoleGrant(APIView):
    """Revoke a grant; it ends at once."""

    @extend_schema(responses={204: None})
    def delete(self, request, pk):
        check_is_administrator(request.user)
        try:
            transitions.revoke_role(uuid_or_404(pk), by=request.user)
        except RoleGrant.DoesNotExist:
            raise Http404 from None
        return Response(status=status.HTTP_204_NO_CONTENT)
