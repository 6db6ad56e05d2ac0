"""What a template must look like. Pure but for `check_people`."""

import re
from uuid import UUID

from accounts.models import RoleGrant, User
from governance.blueprint import MAX_SLA_HOURS, MAX_STAGES, is_line, is_role
from governance.stage_rules import people_told, rule_faults, whole_hours
from ledger.canonical import canonical_text
from ledger.errors import Invalid

STAGE_FIELDS = {
    "name", "required_role", "sla_hours", "assignee_id", "stage_step_indexes", "stage_gate_keys", "metadata",
}  # fmt: skip
KEY = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z")
GATE_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,200}\Z")
MAX_STEP_INDEX = 9999
METADATA_LIMIT = 20_000
MAPPING = ("stage_step_indexes", "stage_gate_keys", "metadata")


class Faults:
    """Collects field errors; `raise_if_any` makes one refusal of them."""

    def __init__(self):
        self.errors = []

    def add(self, field, detail, code="invalid"):
        self.errors.append({"field": field, "code": code, "detail": detail})

    def raise_if_any(self):
        if self.errors:
            raise Invalid(self.errors[0]["detail"], errors=self.errors)


def check_key(key):
    if not isinstance(key, str) or len(key) > 80 or not KEY.match(key):
        raise Invalid.field(
            "template_key",
            "A key is lower-case letters, digits, - and _, 80 characters at most, for example biosafety-release.",
        )


def check_header(faults, *, name, description, default_stage_sla_hours, permitted_roles):
    if not is_line(name, 200):
        faults.add("name", "A name is one line of 1 to 200 characters.")
    if not isinstance(description, str) or len(description) > 10_000 or "\x00" in description:
        faults.add("description", "A description is text of 10,000 characters at most.")
    if default_stage_sla_hours is not None and not whole_hours(default_stage_sla_hours):
        faults.add("default_stage_sla_hours", f"The time limit is 1 to {MAX_SLA_HOURS:,} whole hours.")
    if not isinstance(permitted_roles, list) or len(permitted_roles) > 100 or not all(map(is_role, permitted_roles)):
        faults.add("permitted_roles", "Permitted roles are a list of role slugs: lower-case letters, digits and _.")


def check_stages(faults, stages, *, permitted_roles, field="stage_blueprint"):
    """Shape, names, roles, limits, indexes and gate keys of every stage; each fault names its stage."""
    if not isinstance(stages, list):
        faults.add(field, "The stages are a list.")
        return
    if len(stages) > MAX_STAGES:
        faults.add(field, f"A ladder has {MAX_STAGES} stages at most.", "too_many")
        return
    names = set()
    for number, stage in enumerate(stages):
        _check_stage(faults, stage, number, permitted_roles, names, f"{field}.{number}")


def _check_stage(faults, stage, number, permitted_roles, names, where):
    def fault(key, detail, code="invalid"):
        faults.add(f"{where}.{key}" if key else where, f"Stage {number + 1}: {detail}", code)

    if not isinstance(stage, dict):
        fault("", "must be an object.")
        return
    for key in sorted(set(map(str, stage)) - STAGE_FIELDS):
        fault(key[:60], "is not a field of a stage.", "unknown_field")
    name, role = stage.get("name"), stage.get("required_role")
    if not is_line(name, 200):
        fault("name", "a name is one line of 1 to 200 characters.")
    elif name.strip().casefold() in names:
        fault("name", f"the name “{name.strip()}” is used twice; stage names are distinct.", "duplicate")
    else:
        names.add(name.strip().casefold())
    if not is_role(role):
        fault("required_role", "needs a role: lower-case letters, digits and _.")
    elif permitted_roles and role not in permitted_roles:
        fault(
            "required_role",
            f"{role} is not one of the permitted roles ({', '.join(map(str, permitted_roles))}).",
            "not_permitted",
        )
    if stage.get("sla_hours") is not None and not whole_hours(stage["sla_hours"]):
        fault("sla_hours", f"the time limit is 1 to {MAX_SLA_HOURS:,} whole hours.")
    _check_mapping(fault, stage)


def _check_mapping(fault, stage):
    indexes, gates, metadata = ([] if stage.get(key) is None else stage[key] for key in MAPPING)
    if not _distinct(indexes, _index):
        fault("stage_step_indexes", f"step indexes are distinct whole numbers from 0 to {MAX_STEP_INDEX}.")
    if not _distinct(gates, _gate_key):
        fault("stage_gate_keys", "gate keys are distinct texts of letters, digits and _ . : - only.")
    if stage.get("metadata") is None:
        return
    if not isinstance(metadata, dict) or len(canonical_text(metadata)) > METADATA_LIMIT:
        fault("metadata", f"the metadata is an object of {METADATA_LIMIT:,} characters at most.")
        return
    for member, sentence in rule_faults(metadata):
        fault("metadata", sentence, f"invalid_{member}")


def check_people(faults, stages, *, now, field="stage_blueprint"):
    """Assignees exist, are active and hold their stage's role, in some team or everywhere.

    Who is told when a stage is overdue exists and is active. Two queries however many stages.
    """
    wanted = {number: ids for number, stage in enumerate(stages) if (ids := _people_of(stage))}
    known = {_uuid(each) for ids in wanted.values() for each in ids} - {None}
    people = {user.pk: user for user in User.objects.active().filter(pk__in=known)}
    held = set(RoleGrant.objects.in_force(now).filter(user__in=people).values_list("user_id", "role"))
    for number in wanted:
        stage, where = stages[number], f"{field}.{number}"
        if stage.get("assignee_id"):
            _check_assignee(faults, stage, people.get(_uuid(stage["assignee_id"])), held, number, where)
        if any(UUID(each) not in people for each in people_told(stage.get("metadata"))):
            detail = f"Stage {number + 1}: the escalation names no active user. Name somebody else to tell."
            faults.add(f"{where}.metadata", detail, "unknown_user")


def _people_of(stage):
    assignee = [stage["assignee_id"]] if stage.get("assignee_id") else []
    return [*assignee, *people_told(stage.get("metadata"))]


def _check_assignee(faults, stage, person, held, number, where):
    role = stage.get("required_role")
    if person is None:
        detail = f"Stage {number + 1}: the assignee is no active user. Choose somebody else, or nobody for any {role}."
        faults.add(f"{where}.assignee_id", detail, "unknown_user")
    elif (person.pk, role) not in held:
        detail = f"Stage {number + 1}: {person.printed_name} does not hold the role {role}. Grant it or choose another."
        faults.add(f"{where}.assignee_id", detail, "lacks_role")


def _uuid(value):
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _index(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_STEP_INDEX


def _gate_key(value):
    return isinstance(value, str) and bool(GATE_KEY.match(value))


def _distinct(values, fits):
    return isinstance(values, list) and all(map(fits, values)) and len(set(values)) == len(values)
