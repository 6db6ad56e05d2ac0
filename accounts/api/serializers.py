from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from accounts.enums import MembershipRole
from accounts.models import Membership, RoleGrant, Team, User, role_slug
from accounts.passwords import PASSWORD_LENGTH
from accounts.second_factor import LONGEST_CODE
from portal.text import one_line


class UserBriefSerializer(serializers.ModelSerializer):
    """`user` as every answer names a person."""

    class Meta:
        model = User
        fields = ["id", "email", "full_name"]
        read_only_fields = fields


class RoleGrantSerializer(serializers.ModelSerializer):
    user_id = serializers.UUIDField(read_only=True)
    team_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = RoleGrant
        fields = ["id", "user_id", "role", "team_id", "valid_until", "created_at"]
        read_only_fields = fields


class MembershipSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="team_id")
    name = serializers.CharField(source="team.name")

    class Meta:
        model = Membership
        fields = ["id", "name", "role"]
        read_only_fields = fields


class UserSerializer(UserBriefSerializer):
    """A person as administrators see them."""

    class Meta(UserBriefSerializer.Meta):
        fields = [*UserBriefSerializer.Meta.fields, "is_active", "is_admin", "must_change_password", "date_joined"]
        read_only_fields = fields


class MeSerializer(UserBriefSerializer):
    teams = MembershipSerializer(source="team_memberships", many=True)
    role_grants = RoleGrantSerializer(source="grants_in_force", many=True)

    class Meta(UserBriefSerializer.Meta):
        fields = [*UserBriefSerializer.Meta.fields, "is_admin", "must_change_password", "teams", "role_grants"]
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer):
    user = UserBriefSerializer()
    team_id = serializers.UUIDField()

    class Meta:
        model = Membership
        fields = ["team_id", "user", "role", "created_at"]
        read_only_fields = fields


class TeamMemberSerializer(serializers.ModelSerializer):
    user = UserBriefSerializer()

    class Meta:
        model = Membership
        fields = ["user", "role"]
        read_only_fields = fields


class TeamSerializer(serializers.ModelSerializer):
    members = TeamMemberSerializer(source="memberships", many=True, read_only=True)

    class Meta:
        model = Team
        fields = ["id", "name", "created_at", "members"]
        read_only_fields = ["id", "created_at", "members"]


# --- What comes in --------------------------------------------------------------------------------------------------


class StrictSerializer(serializers.Serializer):
    """Refuses members it does not know: a misspelt `valid_untill` must not grant for ever."""

    def to_internal_value(self, data):
        known = super().to_internal_value(data)
        unknown = sorted(str(name) for name in set(data) - set(self.fields))[:20]
        if unknown:
            sentence = "This member is not known here."
            raise serializers.ValidationError({one_line(n, 60): [ErrorDetail(sentence, "unknown")] for n in unknown})
        return known


def code_member():
    return serializers.CharField(
        max_length=LONGEST_CODE,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of the authenticator app, or a recovery code; needed where a second factor is enrolled.",
    )


class LoginInput(StrictSerializer):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=PASSWORD_LENGTH, trim_whitespace=False)
    code = code_member()


class LoginAnswer(serializers.Serializer):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    user = UserBriefSerializer()


class PasswordInput(StrictSerializer):
    password = serializers.CharField(max_length=PASSWORD_LENGTH, trim_whitespace=False)
    new_password = serializers.CharField(max_length=PASSWORD_LENGTH, trim_whitespace=False)
    code = code_member()
    revoke_tokens = serializers.BooleanField(
        required=False, default=False, help_text="End the tokens that have a name too, but for the one of this call."
    )


class UserInput(StrictSerializer):
    email = serializers.EmailField(max_length=254)
    full_name = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=PASSWORD_LENGTH, trim_whitespace=False, required=False)
    is_active = serializers.BooleanField(required=False)
    is_admin = serializers.BooleanField(required=False)


class TeamInput(StrictSerializer):
    name = serializers.CharField(max_length=150)


class MemberInput(StrictSerializer):
    user_id = serializers.UUIDField()
    role = serializers.ChoiceField(MembershipRole.choices, default=MembershipRole.MEMBER)


class RoleGrantInput(StrictSerializer):
    user_id = serializers.UUIDField()
    role = serializers.CharField(max_length=50, validators=[role_slug])
    team_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    valid_until = serializers.DateTimeField(required=False, allow_null=True, default=None)
