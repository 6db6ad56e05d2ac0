"""Who may add evidence and edit the notebook. Seeing a run is checked before, by `visible_to`."""

from ledger.errors import NotAllowed


def check_can_add(user, execution):
    """Evidence is added by who runs the execution, its protocol's team and administrators; without a run by anybody."""
    if execution is None or user.is_admin or execution.run_by_id == user.pk:
        return
    team_id = execution.team_id
    if team_id is None or not user.memberships.filter(team_id=team_id).exists():
        raise NotAllowed("Only the people who work on this run may add to its notebook and files.")


def why_not_add(user, execution):
    """The sentence `check_can_add` refuses with, or None."""
    try:
        check_can_add(user, execution)
    except NotAllowed as refusal:
        return refusal.sentence
    return None


def check_can_edit(user, entry):
    """An entry is edited by its author and by whoever may add to its run; every edit is a revision with a name."""
    if entry.created_by_id != user.pk or entry.execution_id is not None:
        check_can_add(user, entry.execution)


def why_not_edit(user, entry):
    """The sentence `check_can_edit` refuses with, or None."""
    try:
        check_can_edit(user, entry)
    except NotAllowed as refusal:
        return refusal.sentence
    return None
