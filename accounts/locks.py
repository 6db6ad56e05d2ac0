"""People locked for a change, inside the caller's transaction."""

from accounts.models import SYSTEM_EMAIL, User
from ledger.errors import NotAllowed


def locked_person(user_id):
    """The row of a person, never of the system user. Raises User.DoesNotExist."""
    return User.objects.select_for_update().exclude(email=SYSTEM_EMAIL).get(pk=user_id)


def still_administrator(by):
    """Raises NotAllowed for who is no longer an active administrator."""
    # Locked in one order: two administrators who demote each other must not both succeed.
    administrators = User.objects.select_for_update().active().filter(is_admin=True).order_by("pk")
    if by.pk not in [user.pk for user in administrators]:
        raise NotAllowed("Only an administrator may do this.", code="administrators_only")
