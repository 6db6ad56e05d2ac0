"""Who may add evidence and edit the notebook. Seeing a run is checked before, by `visible_to`."""

from experiments.policies import check_can_run
from ledger.errors import NotAllowed


def check_can_add(user, execution):
    """Evidence of a run is added by the people who may change the run; without a run by anybody."""
    if execution is not None:
        check_can_run(user, execution)


def why_not_add(user, execution):
    """The sentence `check_can_add` refuses with, or None."""
    return _sentence(check_can_add, user, execution)


def check_can_edit(user, entry):
    """An entry of a run is edited by whoever may add to it, a loose one by its author and administrators."""
    if entry.execution_id is not None:
        check_can_run(user, entry.execution)
    elif entry.created_by_id != user.pk and not user.is_admin:
        raise NotAllowed("Only its author may edit an entry that belongs to no run.", code="not_the_author")


def why_not_edit(user, entry):
    """The sentence `check_can_edit` refuses with, or None."""
    return _sentence(check_can_edit, user, entry)


def _sentence(check, *arguments):
    try:
        check(*arguments)
    except NotAllowed as refusal:
        return refusal.sentence
    return None
