"""The same bad input through the API, the admin and a file: one set of rules, one sentence, nothing written."""

import io

import pytest
import yaml
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts.models import RoleGrant, User
from governance.models import TemplateFamily, TemplateStage, WorkflowTemplate
from governance.transitions import create_template

pytestmark = pytest.mark.django_db
STAGE = {"name": "QA review", "required_role": "qa"}
HOSTILE = "<script>alert(1)</script> {{ 7*7 }} ' OR 1=1 -- “é”"
MANY = [{"name": f"Stage {number}", "required_role": "qa"} for number in range(201)]


@pytest.fixture
def admin():
    person = User.objects.create_superuser("olga@example.org", full_name="Olga Petrova")
    RoleGrant.objects.create(user=person, role="qa")
    return person


class OverApi:
    def __init__(self, admin, client, tmp_path):
        self.client = APIClient()
        self.client.force_authenticate(admin)

    def make(self, stages, name="Release"):
        body = {"template_key": "release", "name": name, "stage_blueprint": stages}
        answer = self.client.post("/api/governance/templates", body, format="json")
        return "" if answer.status_code == 201 else answer.json()["detail"]


class InAdmin:
    def __init__(self, admin, client, tmp_path):
        client.force_login(admin)
        self.client = client

    def make(self, stages, name="Release"):
        form = {"template_key": "release", "name": name, "stages-TOTAL_FORMS": len(stages), "stages-INITIAL_FORMS": 0}
        for number, stage in enumerate(stages):
            form |= {f"stages-{number}-{key}": value for key, value in stage.items()}
        answer = self.client.post("/admin/governance/workflowtemplate/add/", form)
        return "" if answer.status_code == 302 else " ".join(map(str, answer.context["errors"]))


class FromFile:
    def __init__(self, admin, client, tmp_path):
        self.path = tmp_path / "ladder.yaml"

    def make(self, stages, name="Release"):
        members = {"schema": "biolabs-ladder-file/1", "template_key": "release", "name": name, "stages": stages}
        self.path.write_text(yaml.safe_dump(members, allow_unicode=True), encoding="utf-8")
        self.said = io.StringIO()
        try:
            call_command(
                "import_ladder", str(self.path), "--by", "olga@example.org", stdout=io.StringIO(), stderr=self.said
            )
        except CommandError as error:
            return str(error)
        return ""


@pytest.fixture(params=[OverApi, InAdmin, FromFile], ids=["API", "admin", "file"])
def way(request, admin, client, tmp_path):
    return request.param(admin, client, tmp_path)


def test_hostile_text_is_kept_as_text_and_shown_escaped(way, admin, client):
    assert way.make([{**STAGE, "name": HOSTILE}], name=HOSTILE) == ""
    template = WorkflowTemplate.objects.get()
    assert (template.name, template.stages.get().name) == (HOSTILE, HOSTILE)
    client.force_login(admin)
    for page in ("/governance/ladders/release/", f"/admin/governance/workflowtemplate/{template.pk}/change/"):
        text = client.get(page).content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("name", ["two\nlines", "bidi \u202e turned", "bell \x07", " ", "x" * 201])
def test_a_name_is_one_line_everywhere(way, name):
    assert way.make([STAGE, {**STAGE, "name": name}]) != ""
    assert not TemplateFamily.objects.exists()


def test_two_hundred_stages_are_made_and_shown_and_one_more_is_refused(way, admin, client):
    assert way.make(MANY) != ""
    assert not TemplateFamily.objects.exists()
    assert way.make(MANY[:200]) == ""
    assert TemplateStage.objects.count() == 200
    client.force_login(admin)
    assert "Stage 199 by any qa" in client.get("/governance/ladders/release/").content.decode()


def test_a_name_that_is_used_twice_is_refused(way):
    assert "is used twice" in way.make([STAGE, {**STAGE, "name": " qa REVIEW "}])
    assert not TemplateFamily.objects.exists()


def test_a_role_nobody_holds_is_told(way, admin, client):
    refused = way.make([STAGE, {"name": "Board", "required_role": "board"}])
    if isinstance(way, InAdmin):  # roles are chosen among those in use
        assert "Select a valid choice" in refused
        template = create_template(
            by=admin, template_key="release", name="R", stage_blueprint=[{"name": "Board", "required_role": "board"}]
        )
        page = f"/admin/governance/workflowtemplate/{template.pk}/publish/"
        told = way.client.post(page, {"confirm": "yes"}, follow=True).content.decode()
        assert "Nobody holds the role board now." in told
    if isinstance(way, OverApi):
        made = way.client.get("/api/governance/templates").json()[0]
        written = way.client.patch(f"/api/governance/templates/{made['id']}", {"name": "R"}, format="json").json()
        assert written["warnings"] == ["Nobody holds the role board now. Grant it before an export needs it."]
        assert way.client.post(f"/api/governance/templates/{made['id']}/publish").json()["warnings"]
        assert "warnings" not in made  # a list asks for none: it costs a query a row
    if isinstance(way, FromFile):
        assert "Nobody holds the role board now." in way.said.getvalue()
    client.force_login(admin)
    assert "Nobody holds the role board now." in client.get("/governance/ladders/release/").content.decode()
