"""People locked for a change, inside the caller's transaction.

Without their key (`no_key`), since rows that refer to people and teams are written everywhere: a lock of the key would
make each of them wait, and who waits with a lock of their own is soon waited for.
"""

from django.db.models import Q

from accounts.models import SYSTEM_EMAIL, User
from ledger.errors import NotAllowed


def locked_people(**fields):
    """The people that fit, by id and locked in one order: two who lock the same must not wait for each other."""
    return _locked(Q(**fields))


def locked_person(user_id):
    """The row of a person, never of the system user. Raises User.DoesNotExist."""
    return _one(_locked(Q(pk=user_id)))


def still_administrator(by):
    """Raises NotAllowed for who is no longer an active administrator."""
    _check(by, _locked(_ADMINISTRATORS))


def person_of_administrator(user_id, *, by):
    """A person locked, and with them every administrator: two who demote each other must not both succeed.

    Raises NotAllowed for who is no longer an active administrator, User.DoesNotExist.
    """
    people = _locked(_ADMINISTRATORS | Q(pk=user_id))
    _check(by, people)
    return _one({pk: user for pk, user in people.items() if str(pk) == str(user_id)})


_ADMINISTRATORS = Q(is_active=True, is_admin=True)


def _locked(who):
    rows = User.objects.select_for_update(no_key=True).exclude(email=SYSTEM_EMAIL).filter(who).order_by("pk")
    return {user.pk: user for user in rows}


def _one(people):
    if not people:
        raise User.DoesNotExist
    (user,) = people.values()
    return user


def _check(by, people):
    found = people.get(by.pk)
    if found is None or not (found.is_active and found.is_admin):
        raise NotAllowed("Only an administrator may do this.", code="administrators_only")
