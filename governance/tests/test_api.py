import pytest
from rest_framework.test import APIClient

from accounts.models import Team, User
from experiments.models import Protocol
from governance.models import WorkflowTemplate
from governance.transitions import create_template

pytestmark = pytest.mark.django_db
BASE = "/api/governance/templates"
CALLS = (("get", ""), ("post", "/publish"), ("post", "/archive"), ("get", "/audit"), ("get", "/snapshots"))
BODY = {
    "template_key": "biosafety",
    "name": "Biosafety",
    "stage_blueprint": [{"name": "QA review", "required_role": "qa_lead", "sla_hours": 24}],
}


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def admin():
    return User.objects.create_user("olga@example.org", full_name="Olga Petrova", is_admin=True)


@pytest.fixture
def api(admin):
    return client_of(admin)


def test_the_life_of_a_template_over_the_api(api, admin):
    made = api.post(BASE, BODY, format="json")
    assert made.status_code == 201, made.content
    template = made.json()
    assert (template["version"], template["status"], template["published_snapshot_id"]) == (1, "draft", None)
    one = f"{BASE}/{template['id']}"
    assert api.patch(one, {"name": "Biosafety release"}, format="json").json()["name"] == "Biosafety release"
    published = api.post(f"{one}/publish").json()
    assert published["published_snapshot_id"] == api.post(f"{one}/publish").json()["published_snapshot_id"]
    assert api.patch(one, {"name": "x"}, format="json").status_code == 409
    team = Team.objects.create(name="Assay")
    protocol = Protocol.objects.create(name="P", content="x", team=team, created_by=admin)
    assigned = api.post(f"{one}/assignments", {"protocol_template_id": str(protocol.pk)}, format="json")
    assert assigned.status_code == 201, assigned.content
    again = api.post(f"{one}/assignments", {"protocol_template_id": str(protocol.pk)}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "already_assigned")
    assert api.delete(f"/api/governance/assignments/{assigned.json()['id']}").status_code == 204
    assert api.post(f"{one}/archive").json()["status"] == "archived"
    assert api.post(f"{one}/publish").status_code == 400
    log = api.get(f"{one}/audit").json()["items"]
    assert [entry["action"] for entry in log] == [
        "template.created",
        "template.updated",
        "template.published",
        "template.snapshot.created",
        "template.assigned",
        "template.unassigned",
        "template.archived",
    ]


def test_the_list_is_plain_and_shows_the_latest_unless_all_are_asked_for(api):
    for _ in range(3):
        api.post(BASE, BODY, format="json")
    assert [row["version"] for row in api.get(BASE).json()] == [3]
    assert [row["version"] for row in api.get(f"{BASE}?include_all=true").json()] == [3, 2, 1]


def test_a_difference_is_said_in_words(api):
    first = api.post(BASE, BODY, format="json").json()
    changed = {**BODY, "stage_blueprint": [{**BODY["stage_blueprint"][0], "sla_hours": 8}]}
    second = api.post(BASE, changed, format="json").json()
    found = api.get(f"{BASE}/{second['id']}/diff?against={first['id']}").json()["differences"]
    assert [entry["detail"] for entry in found] == ["QA review, time limit: 24 hours → 8 hours"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"name": None},
        {**BODY, "name": 5},
        {**BODY, "name": "NUL \x00"},
        {**BODY, "stage_blueprint": {"name": "x"}},
        {**BODY, "stage_blueprint": 5},
        {**BODY, "stage_blueprint": True},
        {**BODY, "stage_blueprint": None},
        {**BODY, "stage_blueprint": ""},
        {**BODY, "stage_blueprint": [{**BODY["stage_blueprint"][0], "metadata": []}]},
        {**BODY, "stage_blueprint": [{**BODY["stage_blueprint"][0], "name": ["x"]}]},
        {**BODY, "stage_blueprint": [{**BODY["stage_blueprint"][0], "stage_gate_keys": [[]]}]},
        {**BODY, "stage_blueprint": [{**BODY["stage_blueprint"][0], "stage_step_indexes": [{}]}]},
        {**BODY, "permitted_roles": "qa_lead"},
        {**BODY, "permitted_roles": [None]},
        {**BODY, "template_key": 7},
        {**BODY, "forked_from_id": []},
        {**BODY, "publish": "yes"},
        {**BODY, "surprise": True},
        {**BODY, "description": {}},
        {**BODY, "default_stage_sla_hours": "24"},
    ],
)
def test_hostile_bodies_are_400_and_write_nothing(api, body):
    answer = api.post(BASE, body, format="json")
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    assert not WorkflowTemplate.objects.exists()


@pytest.mark.parametrize("pk", ["not-a-uuid", "11111111-1111-4111-8111-111111111111", "%00"])
def test_unknown_and_malformed_ids_answer_alike(api, pk):
    for method, path in (("patch", ""), ("get", "/assignments"), *CALLS):
        assert getattr(api, method)(f"{BASE}/{pk}{path}").status_code == 404, path


def test_a_scientist_may_read_only_the_snapshots_that_apply_to_them(admin):
    scientist = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    template = create_template(by=admin, publish=True, **BODY)
    api = client_of(scientist)
    for method, path in (
        ("get", ""),
        ("post", "/publish"),
        ("post", "/archive"),
        ("get", "/audit"),
        ("get", "/snapshots"),
    ):
        assert getattr(api, method)(f"{BASE}/{template.pk}{path}").status_code == 403, path
    assert api.post(BASE, BODY, format="json").status_code == 403


def test_the_list_takes_the_same_queries_for_1_and_30_templates(api, django_assert_num_queries):
    api.post(BASE, BODY, format="json")
    with django_assert_num_queries(2):
        assert len(api.get(f"{BASE}?include_all=1").json()) == 1
    for _ in range(29):
        api.post(BASE, BODY, format="json")
    with django_assert_num_queries(2):
        assert len(api.get(f"{BASE}?include_all=1").json()) == 30


def test_assignments_are_told_for_every_version_since_exports_follow_the_newest(api, admin):
    first = create_template(by=admin, publish=True, **BODY)
    team = Team.objects.create(name="Assay")
    api.post(f"{BASE}/{first.pk}/assignments", {"team_id": str(team.pk)}, format="json")
    second = create_template(by=admin, publish=True, **BODY)
    for version in (first, second):
        (found,) = api.get(f"{BASE}/{version.pk}/assignments").json()
        assert (found["template_id"], found["team_id"]) == (str(first.pk), str(team.pk))


def test_an_assignment_keeps_no_endless_metadata(api, admin):
    template = create_template(by=admin, publish=True, **BODY)
    body = {"team_id": str(Team.objects.create(name="Assay").pk), "metadata": {"why": "x" * 20_000}}
    answer = api.post(f"{BASE}/{template.pk}/assignments", body, format="json")
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "The metadata is an object of 20,000 characters at most.",
    )
