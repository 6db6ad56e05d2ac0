"""Who may do what with runs and what they need. `check_x` raises a sentence, `can_x` is derived."""

from django.conf import settings

from accounts.roles import holds_role
from ledger.errors import NotAllowed

COMPLIANCE = "compliance"


def check_can_run(user, execution):
    """Who runs it, members of its protocol's team and administrators."""
    if user.is_admin or execution.run_by_id == user.pk or is_member(user, execution.team_id):
        return
    raise NotAllowed("Only who runs this, its team and administrators may change it.", code="not_the_runner")


def why_not_run(user, execution):
    return _sentence(check_can_run, user, execution)


def check_can_grant_approval(user, execution, name, *, now):
    """A holder of the role of that name or of `compliance`; with separation of duties never the runner."""
    if getattr(settings, "SEPARATION_OF_DUTIES", True) and execution.run_by_id == user.pk:
        raise NotAllowed("Who runs this may not grant its approvals.", code="separation_of_duties")
    if any(holds_role(user, role, execution.team_id, now=now) for role in dict.fromkeys((name, COMPLIANCE))):
        return
    raise NotAllowed(f"Granting “{name}” takes the role {name} or {COMPLIANCE}.", code="role_missing")


def check_can_change_protocol(user, protocol):
    """Members of its team; who created it where it has no team; administrators."""
    if user.is_admin or is_member(user, protocol.team_id):
        return
    if protocol.team_id is None and protocol.created_by_id == user.pk:
        return
    raise NotAllowed("Only its team, or who created it where it has none, may change this protocol.")


def why_not_change_protocol(user, protocol):
    return _sentence(check_can_change_protocol, user, protocol)


def check_can_change_stock(user, thing):
    """Items and devices: members of the team; what has no team is for everybody signed in."""
    if user.is_admin or thing.team_id is None or is_member(user, thing.team_id):
        return
    raise NotAllowed("Only members of its team may change this.")


def is_member(user, team_id):
    return team_id is not None and user.memberships.filter(team_id=team_id).exists()


def _sentence(check, *arguments):
    try:
        check(*arguments)
    except NotAllowed as refusal:
        return refusal.sentence
    return None
