"""A stage's further rules: one check for API, ad-hoc ladders, files and admin; told in words everywhere."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import RoleGrant, User
from governance.blueprint import ad_hoc_ladder
from governance.differences import differences
from governance.ladder_files import definition_of, dump, import_definition, load
from governance.stage_rules import StageRules, stage_rules, with_rules
from governance.stage_words import stage_in_words
from governance.transitions import create_template, ladder_definition, publish_template, stages_of
from ledger.canonical import digest
from ledger.errors import Invalid

SOMEBODY = "11111111-1111-4111-8111-111111111111"
OWNERS = {"after_hours": 2, "to": "team_owners"}
RULES = {"reminder_hours": 4, "escalation": [OWNERS], "exclude_uploaders": True}
WRONG = [
    {"reminder_hours": 0},
    {"reminder_hours": 8761},
    {"reminder_hours": "4"},
    {"reminder_hours": True},
    {"exclude_uploaders": "yes"},
    {"exclude_uploaders": None},
    {"escalation": {}},
    {"escalation": [OWNERS, OWNERS]},
    {"escalation": [{"after_hours": -1, "to": "team_owners"}]},
    {"escalation": [{"after_hours": 1, "to": "owners"}]},
    {"escalation": [{"after_hours": 1, "to": ["team_owners"]}]},
    {"escalation": [{"after_hours": 1}]},
    {"escalation": [{**OWNERS, "and": 1}]},
    {"escalation": [{"after_hours": n, "to": "team_owners"} for n in range(11)]},
]


def stage(**metadata):
    return {"name": "QA review", "required_role": "qa_lead", "sla_hours": 24, "metadata": metadata}


@pytest.fixture
def admin(db):
    return User.objects.create_user("olga@example.org", full_name="Olga Petrova", is_admin=True)


def make(admin, *stages, **fields):
    return create_template(by=admin, template_key="release", name="Release", stage_blueprint=stages, **fields)


@pytest.mark.parametrize("metadata", WRONG)
def test_a_rule_that_does_not_fit_is_refused_naming_stage_and_metadata(admin, metadata):
    with pytest.raises(Invalid) as of_template:
        make(admin, {**stage(), "name": "First"}, stage(**metadata))
    with pytest.raises(Invalid) as of_request:
        ad_hoc_ladder([{"required_role": "qa"}, {"required_role": "qa", "metadata": metadata}])
    for refusal, field in ((of_template, "stage_blueprint.1.metadata"), (of_request, "approval_stages.1.metadata")):
        (error,) = refusal.value.errors
        assert error["field"] == field
        assert error["detail"].startswith("Stage 2: ")
        assert error["code"] == f"invalid_{next(iter(metadata))}"
    assert stage_rules(metadata) == StageRules()


def test_the_rules_are_said_in_words():
    words = stage_in_words(stage(**RULES, site="Basel"))
    assert words == (
        "QA review by any qa_lead, within 24 hours; reminder 4 hours before; "
        "after 2 hours overdue the team's owners are told; evidence uploaders do not sign"
    )
    rungs = [{"after_hours": 0, "to": "team_owners"}, {"after_hours": 1, "to": SOMEBODY}]
    assert stage_in_words(stage(escalation=rungs), names={SOMEBODY: "Ada Ng"}).endswith(
        "; once overdue the team's owners are told; after 1 hour overdue Ada Ng is told"
    )


def test_a_stage_says_its_steps_as_the_run_numbers_them_and_its_gates():
    covering = {"stage_step_indexes": [0, 2], "stage_gate_keys": ["release"]}
    assert stage_in_words({**stage(), **covering}) == (
        "QA review by any qa_lead, within 24 hours; covers steps 1, 3; gate release"
    )


def test_a_changed_rule_is_a_difference_in_words(admin):
    first = make(admin, stage(reminder_hours=4, site="Basel"))
    second = make(admin, stage(escalation=[OWNERS], exclude_uploaders=True, site="Bern"))
    found = differences(*(ladder_definition(each, stages_of(each)) for each in (first, second)))
    assert [each["detail"] for each in found] == [
        "QA review, reminder: 4 hours before → none",
        "QA review, escalation: none → after 2 hours overdue the team's owners are told",
        "QA review, evidence uploaders: may sign → do not sign",
        'QA review, metadata: {"site":"Basel"} → {"site":"Bern"}',
    ]


@pytest.mark.parametrize("known", [True, False])
def test_whom_an_escalation_names_exists_and_is_active(admin, known):
    gone = User.objects.create_user("gone@example.org", full_name="Gone", is_active=False)
    named = str(gone.pk) if known else SOMEBODY
    with pytest.raises(Invalid, match="Stage 1: the escalation names no active user") as refusal:
        make(admin, stage(escalation=[{"after_hours": 1, "to": named}]))
    assert refusal.value.errors[0]["field"] == "stage_blueprint.0.metadata"


def test_who_left_meanwhile_stops_the_publishing(admin):
    mira = User.objects.create_user("mira@example.org", full_name="Mira Kessler")
    draft = make(admin, stage(escalation=[{"after_hours": 1, "to": str(mira.pk)}]))
    User.objects.filter(pk=mira.pk).update(is_active=False)
    with pytest.raises(Invalid, match="no active user"):
        publish_template(draft, by=admin)


def test_people_are_checked_with_as_many_queries_for_thirty_stages_as_for_one(admin):
    people = [User.objects.create_user(f"p{number}@example.org", full_name=f"P {number}") for number in range(30)]
    RoleGrant.objects.bulk_create(RoleGrant(user=person, role="qa_lead") for person in people)

    def count(number):
        stages = [
            stage(escalation=[{"after_hours": 1, "to": str(who.pk)}]) | {"name": who.email, "assignee_id": str(who.pk)}
            for who in people[:number]
        ]
        with CaptureQueriesContext(connection) as queries:
            make(admin, *stages)
        return len(queries)

    count(1)
    assert count(1) == count(30)


def test_rules_are_set_and_taken_away_and_what_else_is_there_stays():
    assert with_rules({"site": "Basel"}, **RULES) == {"site": "Basel", **RULES}
    nothing = {"reminder_hours": None, "escalation": [], "exclude_uploaders": False}
    assert with_rules({"site": "Basel", **RULES}, **nothing) == {"site": "Basel"}
    assert with_rules({"exclude_uploaders": False}, **nothing) == {"exclude_uploaders": False}


def test_a_file_says_the_rules_by_themselves_and_names_people_by_address(admin):
    mira = User.objects.create_user("mira@example.org", full_name="Mira Kessler")
    rungs = [OWNERS, {"after_hours": 24, "to": str(mira.pk)}]
    template = make(admin, stage(site="Basel", reminder_hours=4, exclude_uploaders=False, escalation=rungs))
    definition = definition_of(template)
    (said,) = definition["stages"]
    assert said["escalation"] == [OWNERS, {"after_hours": 24, "to": "mira@example.org"}]
    assert (said["reminder_hours"], said["exclude_uploaders"], said["metadata"]) == (4, False, {"site": "Basel"})
    again = import_definition(load(dump(definition)), by=admin)
    assert digest(definition_of(again)) == digest(definition)
    assert stages_of(again) == stages_of(template)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("escalation: [{after_hours: 1, to: nobody@example.org}]", r"No active user has .* nobody@example\.org"),
        ("escalation: [{after_hours: 3, to: team_owners}, {after_hours: 1, to: team_owners}]", "later ones after"),
        ("escalation: [{after_hours: 1}]", "stages/0/escalation/0"),
        ("reminder_hours: 9000", "stages/0/reminder_hours"),
        ("exclude_uploaders: often", "stages/0/exclude_uploaders"),
        ("metadata: {reminder_hours: soon}", "whole hours before"),
    ],
)
def test_a_file_with_a_wrong_rule_is_refused(admin, line, said):
    head = "schema: biolabs-ladder-file/1\ntemplate_key: a\nname: A\nstages:\n- name: QA\n  required_role: qa\n  "
    with pytest.raises(Invalid, match=said):
        import_definition(load(head + line), by=admin)
