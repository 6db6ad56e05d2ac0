"""Entries of a ladder's audit log in words."""

from accounts.models import Team
from experiments.models import Protocol
from governance.enums import AuditAction
from governance.stage_rules import some

FIELD_WORDS = {
    "name": "name", "description": "description", "default_stage_sla_hours": "default time limit",
    "permitted_roles": "permitted roles", "stage_blueprint": "stages",
}  # fmt: skip
WORDS = {
    AuditAction.CREATED: "Draft made with {stages}{source}",
    AuditAction.UPDATED: "Draft changed: {changed}",
    AuditAction.PUBLISHED: "Published",
    AuditAction.ARCHIVED: "Archived; it was {from_status}",
    AuditAction.SNAPSHOT_CREATED: "Frozen as a snapshot",
    AuditAction.ASSIGNED: "Assigned to {place}",
    AuditAction.UNASSIGNED: "No longer assigned to {place}",
    AuditAction.PREVIEW_GENERATED: "Previewed for a run",
    AuditAction.SNAPSHOT_BOUND: "Version {export_version} of a run's export uses it",
}


def told(entries):
    """`[(entry, words)]`, with the names of teams and protocols as they are now; two queries at most."""
    said = [(entry, entry.details) for entry in entries]
    names = _names(Team, "team_id", said) | _names(Protocol, "protocol_template_id", said)
    return [(entry, WORDS[entry.action].format_map(details | _in_words(details, names))) for entry, details in said]


def _names(model, member, said):
    wanted = {details[member] for _, details in said if details.get(member)}
    rows = model.objects.filter(pk__in=wanted).values_list("pk", "name") if wanted else ()
    return {str(pk): name for pk, name in rows}


def _in_words(details, names):
    """Members of an entry as a sentence can take them."""
    team, protocol = details.get("team_id"), details.get("protocol_template_id")
    return {
        "stages": some(details.get("stage_count", 0), "stage"),
        "source": ", from an earlier one" if details.get("forked_from_id") else "",
        "changed": ", ".join(FIELD_WORDS.get(field, field) for field in details.get("changed", ())),
        "place": f"the team {names.get(team, team)}" if team else f"the protocol {names.get(protocol, protocol)}",
    }
