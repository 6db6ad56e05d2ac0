"""Loads the person of a session, with what every page asks of them, in one query."""

from allauth.mfa.models import Authenticator
from django.contrib.auth.backends import ModelBackend
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from accounts.enums import MembershipRole
from accounts.models import Membership, RoleGrant, User
from accounts.roles import role_words


class PortalBackend(ModelBackend):
    """Passwords as Django checks them. Its people know their second factor's id, to which their session is bound, and
    their `headline` for the navigation."""

    def get_user(self, user_id):
        user = with_what_pages_show(User.objects.filter(pk=user_id), timezone.now()).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        user.headline = headline_of(user)
        return user


def with_what_pages_show(people, now):
    factor = Authenticator.objects.filter(user_id=OuterRef("pk"), type=Authenticator.Type.TOTP)
    grant = RoleGrant.objects.in_force(now).filter(user=OuterRef("pk")).order_by("created_at", "pk")
    membership = Membership.objects.filter(user=OuterRef("pk")).order_by("created_at", "pk")
    return people.annotate(
        factor_id=Subquery(factor.values("pk")[:1]),
        signs_as=Subquery(grant.values("role")[:1]),
        signs_in=Subquery(grant.values("team__name")[:1]),
        team_role=Subquery(membership.values("role")[:1]),
        team_name=Subquery(membership.values("team__name")[:1]),
    )


def headline_of(user):
    """`QA lead · Assay team`: the first signing role in force, else what the person is in their first team."""
    if user.is_admin:
        return "Administrator"
    if user.signs_as:
        return f"{role_words(user.signs_as)} · {user.signs_in or 'every team'}"
    return f"{MembershipRole(user.team_role).label} · {user.team_name}" if user.team_role else ""
