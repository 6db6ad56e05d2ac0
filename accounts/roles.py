"""Who holds which signing role, where and until when."""

from django.db.models import Q
from django.utils import timezone

from accounts.models import RoleGrant
from ledger.errors import NotAllowed

OPERATOR = "operator"


def role_words(role):
    """`qa_lead` as `QA lead`."""
    first, *rest = [word.upper() if len(word) == 2 else word for word in role.split("_") if word] or [role]
    return " ".join([first[:1].upper() + first[1:], *rest])


def roles_of(user, now):
    """The grants in force of a person as `(role, team_id)`; a team of None means everywhere."""
    if not user.is_active:
        return []
    grants = RoleGrant.objects.in_force(now).filter(user=user)
    return list(grants.order_by("role", "team__name").values_list("role", "team_id").distinct())


def holds_role(user, role, team_id, *, now):
    """Whether an active person holds `role` in the team or everywhere."""
    if not (user.is_authenticated and user.is_active):
        return False
    grants = RoleGrant.objects.in_force(now).filter(user=user, role=role)
    return grants.filter(Q(team__isnull=True) | Q(team_id=team_id)).exists()


def check_holds_role(user, role, team_id, *, now):
    """Raises NotAllowed with the sentence people see when `holds_role` is false."""
    if not user.is_active:
        raise NotAllowed(f"{user.printed_name} is deactivated.", code="inactive")
    if not holds_role(user, role, team_id, now=now):
        raise NotAllowed(f"{user.printed_name} does not hold the role {role} here.", code="role_missing")


def is_operator(user, *, now=None):
    """Administrators and holders of the role `operator`, wherever it was granted."""
    if not (user.is_authenticated and user.is_active):
        return False
    if user.is_admin:
        return True
    return RoleGrant.objects.in_force(now or timezone.now()).filter(user=user, role=OPERATOR).exists()
