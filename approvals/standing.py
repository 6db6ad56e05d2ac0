"""Whether who signed in somebody's place had been put there, from rows that stay: the frozen blueprint names assignees,
delegations are append-only, absences are cancelled and never deleted.
"""

import uuid
from dataclasses import dataclass

from accounts.models import Absence
from approvals.duties import DECISIONS
from approvals.enums import ActionType
from governance.stage_rules import stage_rules
from ledger.canonical import loads, rfc3339

WORDS = {
    "assignee": "signed as the assignee and was not",
    "delegate": "signed as a delegate and no delegation to them was in force",
    "stand_in": "signed as a stand-in and no absence covers that",
    "role_holder": "signed as any holder of the role, and the stage named somebody",
}


@dataclass(frozen=True)
class Named:
    """Whom a stage named at a moment, as ids, and who delegated it."""

    assignee: object
    delegate: object
    giver: object


def standing_faults(ladder, stages):
    """Sentences naming each signature, in force or superseded, whose `acting_as` the rows do not bear out."""
    frozen, uploaders, faults = _frozen_stages(ladder, stages), None, []
    for stage, blueprint in zip(stages, frozen, strict=True):
        actions = list(stage.actions.all())
        for action in actions:
            if action.action_type not in DECISIONS or not hasattr(action, "signature"):
                continue
            acting = loads(action.signature.statement).get("acting_as") or {}
            if not _bears_out(acting, action, _named(blueprint, actions, action.created_at), ladder, stage):
                words = WORDS.get(acting.get("capacity"), "does not say in which capacity they signed")
                faults.append(f"{stage}: {action.actor_name} {words}")
            if stage_rules(blueprint["metadata"]).exclude_uploaders:
                uploaders = set(ladder.uploaders.values_list("pk", flat=True)) if uploaders is None else uploaders
                if action.actor_id in uploaders:
                    faults.append(f"{stage}: {action.actor_name} brought evidence and was to be kept from it")
    return faults


def _frozen_stages(ladder, stages):
    """What the blueprint says of each stage; what the stage says itself where the blueprint is of another time."""
    found = loads(ladder.blueprint_text).get("stages") or []
    if len(found) == len(stages) and all(isinstance(each, dict) for each in found):
        return [
            {
                "assignee": _uuid(each.get("assignee_id")),
                "delegate": _uuid(each.get("delegate_id")),
                "metadata": each.get("metadata"),
            }
            for each in found
        ]
    return [
        {"assignee": each.assignee_id, "delegate": each.delegated_to_id, "metadata": each.metadata} for each in stages
    ]


def _named(blueprint, actions, at):
    handed_on = [each for each in actions if each.action_type == ActionType.DELEGATED and each.created_at <= at]
    if not handed_on:
        return Named(blueprint["assignee"], blueprint["delegate"], None)
    return Named(blueprint["assignee"], handed_on[-1].delegation_target_id, handed_on[-1].actor_id)


def _bears_out(acting, action, named, ladder, stage):
    capacity, whom = acting.get("capacity"), _uuid((acting.get("of") or {}).get("id"))
    if capacity == "assignee":
        return action.actor_id == named.assignee and whom is None
    if capacity == "delegate":
        # Nobody's place: an administrator chose the signer of a stage that names no assignee.
        whose = {named.assignee} if named.assignee else {named.giver, None}
        return action.actor_id == named.delegate and whom in whose
    if capacity == "stand_in":
        return whom is not None and whom == named.assignee and _was_away(acting, action, ladder, stage)
    return capacity == "role_holder" and (named.assignee, named.delegate, whom) == (None, None, None)


def _was_away(acting, action, ladder, stage):
    """Whether the absence that the statement names covered the moment of signing."""
    told, at = acting.get("absence") or {}, action.created_at
    absence = Absence.objects.filter(pk=_uuid(told.get("id")), stand_in=action.actor_id).first()
    return (
        absence is not None
        and absence.user_id == _uuid(acting["of"]["id"])
        and (rfc3339(absence.starts_at), rfc3339(absence.ends_at)) == (told.get("from"), told.get("until"))
        and absence.created_at <= at
        and absence.starts_at <= at < absence.ends_at
        and (absence.cancelled_at is None or absence.cancelled_at > at)
        and absence.role in ("", stage.required_role)
        and absence.team_id in (None, ladder.execution.team_id)
    )


def _uuid(given):
    try:
        return uuid.UUID(given)
    except (AttributeError, TypeError, ValueError):
        return None
