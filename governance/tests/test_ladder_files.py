import io
import json
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command

from accounts.models import RoleGrant, User
from governance.ladder_files import definition_of, dump, load, schema
from governance.models import TemplateFamily, WorkflowTemplate
from governance.transitions import create_template
from ledger.canonical import digest
from ledger.errors import Invalid

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return User.objects.create_user("olga@example.org", full_name="Olga Petrova", is_admin=True)


@pytest.fixture
def template(admin):
    mira = User.objects.create_user("mira@example.org", full_name="Mira Kessler")
    RoleGrant.objects.create(user=mira, role="qa_lead")
    return create_template(
        by=admin,
        template_key="biosafety",
        name="Biosafety: “été”",
        description="Line one\nline two",
        permitted_roles=["qa_lead", "compliance"],
        stage_blueprint=[
            {
                "name": "QA",
                "required_role": "qa_lead",
                "sla_hours": 24,
                "assignee_id": str(mira.pk),
                "stage_step_indexes": [0, 2],
            },
            {"name": "Release", "required_role": "compliance", "metadata": {"site": "Basel"}},
        ],
    )


def imported(tmp_path, text, *arguments):
    path = tmp_path / "ladder.yaml"
    path.write_text(text, encoding="utf-8")
    printed = io.StringIO()
    call_command("import_ladder", str(path), "--by", "olga@example.org", *arguments, stdout=printed)
    return printed.getvalue()


def test_a_round_trip_makes_the_next_draft_with_the_same_digest(template, tmp_path):
    printed = io.StringIO()
    call_command("export_ladder", "biosafety@1", stdout=printed)
    said = imported(tmp_path, printed.getvalue())
    second = WorkflowTemplate.objects.get(version=2)
    assert (second.status, second.family) == ("draft", template.family)
    assert digest(definition_of(second)) == digest(definition_of(template))
    assert digest(definition_of(second)) in said


def test_a_dry_run_keeps_nothing(template, tmp_path):
    text = dump({**definition_of(template), "template_key": "another"})
    assert "would become" in imported(tmp_path, text, "--dry-run")
    assert WorkflowTemplate.objects.count() == 1
    assert TemplateFamily.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2", "no YAML"),
        ("a: &x [1]\nb: *x\n", "no YAML aliases"),
        ("schema: biolabs-ladder-file/1\nschema: x\n", "twice"),
        ("schema: biolabs-ladder-file/2\ntemplate_key: a\nname: A\nstages: []\n", "schema"),
        (
            "schema: biolabs-ladder-file/1\ntemplate_key: a\nname: A\nstages: [{name: QA, required_role: QA Lead}]\n",
            "stages/0",
        ),
        ("schema: biolabs-ladder-file/1\ntemplate_key: a\nname: A\nstages: []\npublish: true\n", "publish"),
        ("!!python/object/apply:os.system ['true']", "no YAML"),
        ("[" * 5000, "no YAML"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_place(text, said):
    with pytest.raises(Invalid, match=said):
        load(text)


def test_an_unknown_assignee_or_importer_stops_the_import(admin, tmp_path):
    text = (
        "schema: biolabs-ladder-file/1\ntemplate_key: a\nname: A\n"
        "stages: [{name: QA, required_role: qa, assignee: nobody@example.org}]\n"
    )
    with pytest.raises(CommandError, match=r"nobody@example\.org"):
        imported(tmp_path, text)
    with pytest.raises(CommandError, match="manages ladders"):
        call_command("import_ladder", str(tmp_path / "ladder.yaml"), "--by", "stranger@example.org")
    assert not WorkflowTemplate.objects.exists()


@pytest.mark.parametrize("value", ["2026-01-01", "!!binary aGk=", "!!set {x, y}"])
def test_what_yaml_knows_and_a_ladder_does_not_is_refused_in_words(value):
    with pytest.raises(Invalid, match="put dates in quotes"):
        load(
            "schema: biolabs-ladder-file/1\ntemplate_key: a\nname: A\n"
            f"stages: [{{name: QA, required_role: qa, metadata: {{since: {value}}}}}]\n"
        )


def test_an_unknown_ladder_is_not_exported():
    with pytest.raises(CommandError, match="There is no ladder nothing@3"):
        call_command("export_ladder", "nothing@3")


@pytest.mark.parametrize("version", ["two", "²", "9" * 5000], ids=["word", "sign", "long"])
def test_what_is_no_version_is_said(version):
    with pytest.raises(CommandError, match="is no version; write KEY@VERSION"):
        call_command("export_ladder", f"biosafety@{version}")


def test_the_schema_is_published_with_the_static_files():
    assert json.loads(Path(finders.find("governance/ladder-file.schema.json")).read_text()) == schema()
