"""A stage's further rules in the admin, and what works there without JavaScript."""

import pytest

from governance.models import TemplateAssignment
from governance.tests.office import ASSIGNMENTS, STAGES, Fields, actions, errors_of, form_of, page_of
from governance.transitions import change_template, publish_template, stages_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]


def test_further_rules_of_a_stage_are_typed_and_metadata_stays(office, draft, admin):
    form = form_of(office, page_of(office, draft)) | {
        "stages-0-reminder_hours": "4", "stages-0-exclude_uploaders": "on",
        "stages-0-escalation": "2: team owners\r\n\r\n24 h: Ada@Example.org",
    }  # fmt: skip
    assert office.post(page_of(office, draft), form).status_code == 302
    rules = {
        "reminder_hours": 4,
        "exclude_uploaders": True,
        "escalation": [{"after_hours": 2, "to": "team_owners"}, {"after_hours": 24, "to": str(admin.pk)}],
    }
    assert [stage["metadata"] for stage in stages_of(draft)] == [{"form": "F-12", **rules}, {}]
    shown = form_of(office, page_of(office, draft))
    assert shown["stages-0-escalation"] == "2: team_owners\n24: ada@example.org"
    form = shown | {"stages-0-exclude_uploaders": "on"}  # what a browser sends for the ticked box
    assert office.post(page_of(office, draft), form).status_code == 302
    assert actions().count("template.updated") == 1
    form |= {"stages-0-escalation": "", "stages-0-reminder_hours": ""}
    form.pop("stages-0-exclude_uploaders")
    form["seen"] = form_of(office, page_of(office, draft))["seen"]
    assert office.post(page_of(office, draft), form).status_code == 302
    assert stages_of(draft)[0]["metadata"] == {"form": "F-12"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("soon: team_owners", "is no line like"),
        ("9999: team_owners", "is no line like"),
        ("4:", "is no line like"),
        ("4: nobody@example.org", "Nobody active has the e-mail address nobody@example.org"),
        ("4: team_owners\n2: team_owners", "later ones after earlier ones"),
        ("1: <script>alert(1)</script>", "Nobody active has the e-mail address"),
    ],
)
def test_an_escalation_that_does_not_fit_is_told_at_its_row(office, draft, text, sentence):
    before = stages_of(draft)
    answer = office.post(
        page_of(office, draft), form_of(office, page_of(office, draft)) | {"stages-1-escalation": text}
    )
    assert sentence in errors_of(answer)
    assert sentence in " ".join(answer.context["inline_admin_formsets"][0].formset.forms[1].errors["escalation"])
    assert Fields(answer.content.decode()).values["stages-1-escalation"] == text
    assert "<script>alert" not in answer.content.decode()
    assert stages_of(draft) == before


def test_a_published_version_shows_its_further_rules_in_words(office, draft, olga):
    stage = {**STAGES[0], "metadata": {"escalation": [{"after_hours": 1, "to": str(olga.pk)}]}}
    change_template(draft, by=olga, stage_blueprint=[stage])
    publish_template(draft, by=olga)
    assert "after 1 hour overdue Olga Petrova is told" in office.get(page_of(office, draft)).content.decode()


def test_without_script_an_assignee_is_typed_by_address(office, draft, admin):
    page = page_of(office, draft)
    form = form_of(office, page) | {"stages-0-assignee-typed": "Ada@example.org"}
    assert office.post(page, form).status_code == 302
    assert stages_of(draft)[0]["assignee_id"] == str(admin.pk)
    form = form_of(office, page) | {"stages-0-assignee-typed": "nobody\x00@example.org", "stages-0-name": "Mine"}
    answer = office.post(page, form)
    assert "There is no active person like that." in errors_of(answer)
    shown = Fields(answer.content.decode()).values
    assert (shown["stages-0-name"], shown["stages-0-assignee-typed"]) == ("Mine", "nobody\x00@example.org")


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"template": "biosafety", "protocol": "rt-qpcr"}, 302),
        ({"template": "biosafety@1", "protocol": "RT-qPCR, version 1"}, 302),
        ({"template": "biosafety", "team": "assay"}, 302),
        ({"template": "biosafety", "team": "Nobody's"}, 200),
        ({"template": "other", "team": "Assay"}, 200),
        ({"template": "biosafety@²", "team": "Assay"}, 200),
    ],
)
def test_without_script_an_assignment_is_typed_by_name(office, published, protocol, typed, status):
    form = {f"{name}-typed": text for name, text in typed.items()}
    assert office.post(ASSIGNMENTS + "add/", form).status_code == status
    assert TemplateAssignment.objects.count() == (status == 302)
