"""What a stage's metadata asks of its run: a reminder, an escalation, who may not sign. Pure."""

from dataclasses import dataclass
from uuid import UUID

MAX_HOURS = 8760  # a year
MAX_RUNGS = 10
RULES = ("reminder_hours", "escalation", "exclude_uploaders")  # the members of metadata that a stage understands
TEAM_OWNERS = "team_owners"
ESCALATION_WORDS = (
    f"an escalation is a list of {MAX_RUNGS} rungs at most, each {{after_hours, to}}, later ones after earlier ones; "
    f"`to` is a user's id or {TEAM_OWNERS}."
)


@dataclass(frozen=True)
class Rung:
    """Who is told, so many hours after the deadline: a user's id or TEAM_OWNERS."""

    after_hours: int
    to: str


@dataclass(frozen=True)
class StageRules:
    reminder_hours: int | None = None
    escalation: tuple = ()
    exclude_uploaders: bool = False


def stage_rules(metadata):
    """The StageRules of a stage's metadata; a member that does not fit counts as absent."""
    metadata = metadata if isinstance(metadata, dict) else {}
    wrong = {key for key, _ in rule_faults(metadata)}
    found = {key: value for key, value in metadata.items() if key not in wrong}
    return StageRules(
        reminder_hours=found.get("reminder_hours"),
        escalation=tuple(Rung(rung["after_hours"], rung["to"]) for rung in found.get("escalation") or ()),
        exclude_uploaders=bool(found.get("exclude_uploaders")),
    )


def people_told(metadata):
    """The ids of the users whom a stage's escalation names."""
    return {rung.to for rung in stage_rules(metadata).escalation} - {TEAM_OWNERS}


def with_rules(metadata, **rules):
    """Metadata with these rules, every other member kept; an empty rule takes its member away."""
    changed = dict(metadata)
    for member, value in rules.items():
        if value:
            changed[member] = value
        elif changed.get(member):
            del changed[member]
    return changed


def rules_in_words(metadata, names=None):
    """For example `["reminder 4 hours before"]`; `names` maps ids to printed names."""
    rules = stage_rules(metadata)
    words = [f"reminder {counted(rules.reminder_hours)} before"] if rules.reminder_hours else []
    words += [_rung_in_words(rung, names or {}) for rung in rules.escalation]
    return words + (["evidence uploaders do not sign"] if rules.exclude_uploaders else [])


def _rung_in_words(rung, names):
    when = f"after {counted(rung.after_hours)} overdue" if rung.after_hours else "once overdue"
    if rung.to == TEAM_OWNERS:
        return f"{when} the team's owners are told"
    return f"{when} {names.get(rung.to, 'a named person')} is told"


def counted(hours):
    """For example "1 hour"."""
    return some(hours, "hour")


def some(count, noun):
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def rule_faults(metadata):
    """`(member, sentence)` for each member of metadata that a stage understands and that does not fit."""
    reminder = metadata.get("reminder_hours")
    if reminder is not None and not whole_hours(reminder):
        yield "reminder_hours", f"the reminder comes 1 to {MAX_HOURS:,} whole hours before the deadline."
    if not isinstance(metadata.get("exclude_uploaders", False), bool):
        yield "exclude_uploaders", "exclude_uploaders is true or false."
    rungs = metadata.get("escalation")
    if rungs is not None and not _ascending(rungs):
        yield "escalation", ESCALATION_WORDS


def _ascending(rungs):
    if not isinstance(rungs, list) or len(rungs) > MAX_RUNGS or not all(map(_rung, rungs)):
        return False
    hours = [rung["after_hours"] for rung in rungs]
    return hours == sorted(set(hours))


def _rung(rung):
    return (
        isinstance(rung, dict)
        and set(rung) == {"after_hours", "to"}
        and whole_hours(rung["after_hours"], 0)
        and (rung["to"] == TEAM_OWNERS or _is_id(rung["to"]))
    )


def _is_id(value):
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def whole_hours(value, least=1):
    """Whether it is a whole number of hours, `least` to a year."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_HOURS
