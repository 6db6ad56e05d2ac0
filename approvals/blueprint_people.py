"""Whether the people a blueprint names can sign what it gives them."""

import uuid

from django.conf import settings
from django.db.models import Q

from accounts.models import RoleGrant, User
from governance.stage_rules import people_told
from ledger.errors import Invalid

FIELDS = ("assignee_id", "delegate_id")


def check_blueprint_people(blueprint, *, team_id, requester, now):
    """The assignees and delegates of a LadderBlueprint, as `{id text: User}`; two queries however long it is.

    Raises Invalid naming every stage whose assignee or delegate is unknown, inactive, without the role, the
    requester, or named twice, and every ad-hoc stage whose escalation names nobody active.
    """
    named = {getattr(stage, field) for stage in blueprint.stages for field in FIELDS} - {None}
    wanted = named.union(*map(_told, _asked_for(blueprint)))
    if not wanted:
        return {}
    people = {str(user.pk): user for user in User.objects.people().filter(pk__in=filter(None, map(_uuid, wanted)))}
    roles = _roles(people, {stage.required_role for stage in blueprint.stages}, team_id, now)
    errors = []
    for number, stage in enumerate(blueprint.stages):
        for field in FIELDS:
            given = getattr(stage, field)
            fault = given and _fault(stage, field, people.get(str(_uuid(given))), roles, requester)
            if fault:
                code, detail = fault
                errors.append(
                    {
                        "field": f"approval_stages.{number}.{field}",
                        "code": code,
                        "detail": f"Stage {number + 1}, {stage.name}: {detail}",
                    }
                )
    errors += _unknown_told(_asked_for(blueprint), people)
    if errors:
        raise Invalid(errors[0]["detail"], errors=errors)
    # Whom an escalation names sees the run once it is escalated, not before.
    return {given: people[str(_uuid(given))] for given in named}


def _asked_for(blueprint):
    """The requester's own stages; whom a published ladder tells was checked when it was published."""
    return blueprint.stages if blueprint.source == "ad_hoc" else ()


def _told(stage):
    return people_told(stage.metadata)


def _unknown_told(stages, people):
    for number, stage in enumerate(stages):
        if not all(each in people and people[each].is_active for each in _told(stage)):
            yield {
                "field": f"approval_stages.{number}.metadata",
                "code": "unknown",
                "detail": f"Stage {number + 1}, {stage.name}: the escalation names no active person.",
            }


def _fault(stage, field, user, roles, requester):
    if user is None:
        return "unknown", f"the {_word(field)} is not a known person."
    name = user.printed_name
    if not user.is_active:
        return "inactive", f"{name} is deactivated."
    if (user.pk, stage.required_role) not in roles:
        return "role_missing", f"{name} does not hold the role {stage.required_role} here."
    if settings.SEPARATION_OF_DUTIES and user.pk == requester.pk:
        return "own_request", f"{name} requests this and cannot sign it."
    if field == "delegate_id" and _uuid(stage.assignee_id) == user.pk:
        return "self", f"{name} is the assignee already; a delegate is somebody else."
    return None


def _roles(people, roles, team_id, now):
    grants = RoleGrant.objects.in_force(now).filter(user__in=people.values(), role__in=roles)
    return set(grants.filter(Q(team__isnull=True) | Q(team_id=team_id)).values_list("user_id", "role"))


def _uuid(given):
    try:
        return uuid.UUID(given) if given else None
    except ValueError:
        return None


def _word(field):
    return field.removesuffix("_id")
