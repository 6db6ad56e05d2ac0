"""Who may change accounts: `check_…` raises the sentence, `can_…` and `why_not_…` are derived from it."""

from accounts.enums import MembershipRole
from ledger.errors import NotAllowed, Refusal


def check_is_administrator(user):
    if not (user.is_active and user.is_admin):
        raise NotAllowed("Only an administrator may do this.", code="administrators_only")


def check_can_manage_team(user, team):
    """Administrators and the team's owners."""
    if not user.is_active:
        raise NotAllowed("This account is deactivated.", code="inactive")
    if user.is_admin:
        return
    if not team.memberships.filter(user=user, role=MembershipRole.OWNER).exists():
        raise NotAllowed(f"Only an owner of {team} or an administrator may change who is in it.", code="owners_only")


def check_can_set_password_of(user, other_id):
    """Administrators, of others: one's own asks for the present one, and for the code of the second factor."""
    check_is_administrator(user)
    if str(other_id) == str(user.pk):
        raise NotAllowed("Change your own password on your account page.", code="own_password")


def check_is_oneself(user, owner):
    if not user.is_active or user.pk != owner.pk:
        raise NotAllowed("Only the person themselves may do this.", code="oneself_only")


def can_manage_team(user, team):
    return why_not_manage_team(user, team) is None


def why_not_manage_team(user, team):
    try:
        check_can_manage_team(user, team)
    except Refusal as refusal:
        return refusal.sentence
    return None
