"""Two teams and eight people. Everybody signs in with PASSWORD."""

from dataclasses import dataclass

PASSWORD = "Blue-Pipette-2026"  # noqa: S105 printed on purpose, for a laboratory that does not exist
ASSAY = "Assay development"
CELLS = "Cell biology"
EVERYWHERE = None


@dataclass(frozen=True)
class Person:
    """`teams` maps a team to the membership role; `grants` are (signing role, team or everywhere)."""

    key: str
    full_name: str
    does: str
    teams: dict
    grants: tuple = ()
    is_admin: bool = False

    @property
    def email(self):
        return f"{self.key}@demo.biolabs.example"


PEOPLE = (
    Person("jonas", "Jonas Ortega", "scientist, Assay development", {ASSAY: "member"}, (("scientist", ASSAY),)),
    Person(
        "lea",
        "Lea Novak",
        "scientist, Assay development and owner of the team",
        {ASSAY: "owner"},
        (("scientist", ASSAY), ("approver", ASSAY)),
    ),
    Person("samir", "Samir Aoki", "scientist, Cell biology", {CELLS: "member"}, (("scientist", CELLS),)),
    Person(
        "ingrid",
        "Ingrid Dahl",
        "scientist, Cell biology and owner of the team",
        {CELLS: "owner"},
        (("scientist", CELLS), ("approver", CELLS)),
    ),
    Person(
        "mira",
        "Mira Kessler",
        "QA lead, signs for both teams",
        {ASSAY: "member"},
        (("qa", EVERYWHERE), ("qa_lead", EVERYWHERE)),
    ),
    Person("tomas", "Tomas Lindqvist", "QA reviewer, Cell biology", {CELLS: "member"}, (("qa", EVERYWHERE),)),
    Person(
        "ruth",
        "Ruth Adeyemi",
        "compliance, releases records of both teams",
        {},
        (("compliance", EVERYWHERE), ("approver", EVERYWHERE)),
    ),
    Person("olga", "Olga Petrova", "administrator and operator", {}, (("operator", EVERYWHERE),), is_admin=True),
)
