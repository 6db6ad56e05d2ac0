"""What the compose page sends, as Python values."""

import re
from dataclasses import dataclass, field
from uuid import UUID

from django.http import QueryDict

from accounts.models import User
from evidence.enums import EvidenceType
from governance.blueprint import DEFAULT_LADDER, DEFAULT_ROLE, MAX_STAGES, ad_hoc_ladder
from ledger.canonical import loads
from ledger.errors import Invalid

MOST_PICKED = 500
STAGE_FIELD = re.compile(r"stage-(\d{1,3})-(name|role|hours|assignee)\Z")
STAGE_KEYS = {"name": "name", "required_role": "role", "sla_hours": "hours", "assignee_id": "assignee"}


@dataclass
class StageRow:
    """One row of an ad-hoc ladder as typed; `errors` by column."""

    number: int
    name: str = ""
    role: str = ""
    hours: str = ""
    assignee: str = ""
    errors: dict = field(default_factory=dict)

    @property
    def is_empty(self):
        return not (self.name.strip() or self.role.strip() or self.hours.strip() or self.assignee.strip())


@dataclass
class Pick:
    """A piece of evidence chosen: `value` is `kind:id`, `label` what the page called it."""

    value: str
    label: str
    error: str = ""

    @property
    def kind(self):
        return EvidenceType(self.value.partition(":")[0]).label


class ComposeForm:
    """The state of the compose page; nothing in it is lost when a submit is refused."""

    def __init__(self, data=None):
        data = QueryDict() if data is None else data
        self.ladder = "ad_hoc" if data.get("ladder") == "ad_hoc" else "default"
        self.rows = _rows(data) or [StageRow(0, name="Review", role=DEFAULT_ROLE)]
        self.picks = [
            Pick(value, str(data.get(f"label:{value}", ""))[:255] or value) for value in _picks(data.getlist("pick"))
        ]
        self.notes = str(data.get("notes", ""))
        self.q = str(data.get("q", "")).replace("\x00", "")[:200]
        self.kind = data.get("kind", "") if data.get("kind") in EvidenceType.values else ""
        self.cursor = str(data.get("cursor", "")) or None
        self.errors = []

    def take_over(self, export):
        """Begin with the evidence and, where it was the requester's own, the ladder of an export before."""
        attachments = export.attachments.select_related("evidence").order_by("position")[:MOST_PICKED]
        self.picks = [
            Pick(f"{each.evidence.evidence_type}:{each.evidence.reference_id}", each.label) for each in attachments
        ]
        blueprint = loads(export.ladder.blueprint_text)
        if blueprint["source"] == "ad_hoc":
            self.ladder, self.rows = "ad_hoc", _rows_of(blueprint["stages"])

    @property
    def picked(self):
        return {pick.value for pick in self.picks}

    @property
    def kinds(self):
        """Which kinds to look among; a long run's plain events would hide its files and results."""
        if self.kind:
            return [EvidenceType(self.kind)]
        return None if self.q else [kind for kind in EvidenceType if kind != EvidenceType.TIMELINE_EVENT]

    def press(self, action):
        """Carry out a button that changes the form only: `add_stage`, `remove_stage:<n>`, `kind:<kind>`, `clear`."""
        verb, _, value = action.partition(":")
        if verb == "add_stage" and len(self.rows) < MAX_STAGES:
            self.ladder = "ad_hoc"
            self.rows.append(StageRow(len(self.rows)))
        elif verb == "remove_stage" and value.isdigit():
            self.ladder = "ad_hoc"
            self.rows = [row for row in self.rows if row.number != int(value)] or [StageRow(0)]
            for number, row in enumerate(self.rows):
                row.number = number
        elif verb == "kind":
            self.kind, self.cursor = (value if value in EvidenceType.values else ""), None
        elif verb == "search":
            self.cursor = None
        elif verb == "more":
            self.cursor = value or None

    def attachments(self):
        """The request's `attachments` (api.md)."""
        found = []
        for pick in self.picks:
            kind, _, reference = pick.value.partition(":")
            found.append({"type": kind, "reference_id": reference})
        return found

    def blueprint(self):
        """The ladder asked for. Raises Invalid naming `approval_stages.<n>.<field>`."""
        if self.ladder == "default":
            return DEFAULT_LADDER
        self.rows = [row for row in self.rows if not row.is_empty] or self.rows
        for number, row in enumerate(self.rows):
            row.number = number
        people = _people(self.rows)
        stages, unknown = [], []
        for number, row in enumerate(self.rows):
            stage = {"name": row.name.strip() or f"Stage {number + 1}", "required_role": row.role.strip()}
            if row.hours.strip():
                stage["sla_hours"] = (
                    int(row.hours) if re.fullmatch(r"\s*\d{1,6}\s*", row.hours, re.ASCII) else row.hours
                )
            address = row.assignee.strip().lower()
            if address and address not in people:
                unknown.append(
                    {
                        "field": f"approval_stages.{number}.assignee_id",
                        "code": "unknown",
                        "detail": f"Stage {number + 1}: nobody active has the e-mail address {address}.",
                    }
                )
            elif address:
                stage["assignee_id"] = people[address]
            stages.append(stage)
        if unknown:
            raise Invalid(unknown[0]["detail"], errors=unknown)
        return ad_hoc_ladder(stages)

    def refuse(self, refusal):
        """Put a refusal's errors at the rows and picks they name, the rest on top; answers the status."""
        errors = getattr(refusal, "errors", []) or [{"field": "", "detail": refusal.sentence}]
        for error in errors:
            where, _, rest = error["field"].partition(".")
            number, _, column = rest.partition(".")
            position = int(number) if number.isdigit() else -1
            self.errors.append({"anchor": self._anchor(where, position, column), "detail": error["detail"]})
            if where == "approval_stages" and 0 <= position < len(self.rows):
                self.rows[position].errors[STAGE_KEYS.get(column, "name")] = error["detail"]
            elif where == "attachments" and 0 <= position < len(self.picks):
                self.picks[position].error = error["detail"]
        return refusal.status

    def _anchor(self, where, position, column):
        if where == "approval_stages" and 0 <= position < len(self.rows):
            return f"stage-{position}-{STAGE_KEYS.get(column, 'name')}"
        return {"attachments": "chosen", "notes": "notes"}.get(where, "")


def _rows_of(stages):
    """Stage rows from a frozen blueprint; assignees are typed as e-mail addresses."""
    named = {stage["assignee_id"] for stage in stages if stage["assignee_id"]}
    addresses = {str(pk): email for pk, email in User.objects.filter(pk__in=named).values_list("pk", "email")}
    return [
        StageRow(
            number,
            name=stage["name"],
            role=stage["required_role"],
            hours=str(stage["sla_hours"] or ""),
            assignee=addresses.get(stage["assignee_id"], ""),
        )
        for number, stage in enumerate(stages)
    ]


def _rows(data):
    """Stage rows in the order of their numbers; gaps close."""
    cells = {}
    for name in list(data)[:2000]:
        found = STAGE_FIELD.match(name)
        if found:
            cells.setdefault(int(found[1]), {})[found[2]] = str(data.get(name))[:254]
    rows = [StageRow(0, **cells[number]) for number in sorted(cells)][:MAX_STAGES]
    for number, row in enumerate(rows):
        row.number = number
    return rows


def _picks(values):
    """Well-formed `kind:uuid` values, each once."""
    picked = []
    for value in values[:MOST_PICKED]:
        kind, _, reference = value.partition(":")
        if kind in EvidenceType.values and _is_uuid(reference) and value not in picked:
            picked.append(value)
    return picked


def _is_uuid(value):
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def _people(rows):
    addresses = {row.assignee.strip().lower() for row in rows if row.assignee.strip() and "\x00" not in row.assignee}
    found = User.objects.active().filter(email__in=addresses).values_list("email", "pk")
    return {email: str(pk) for email, pk in found}
