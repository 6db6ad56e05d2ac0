"""Approval ladders in Django's admin: the whole life of a template, each step through its transition."""

from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountEvent, RoleGrant, Team, User
from accounts.transitions import COMPLIANCE_GROUP, change_user, set_compliance_administrator
from experiments.models import Protocol
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.models import TemplateAssignment, TemplateAuditLog, TemplateSnapshot, TemplateStage, WorkflowTemplate
from governance.transitions import archive_template, change_template, create_template, publish_template, stages_of
from ledger.errors import Invalid, NotAllowed, TransitionDenied

pytestmark = pytest.mark.django_db

TEMPLATES, ASSIGNMENTS = "/admin/governance/workflowtemplate/", "/admin/governance/templateassignment/"
STAGES = [
    {"name": "QA review", "required_role": "qa_lead", "sla_hours": 24, "metadata": {"form": "F-12"}},
    {"name": "Release", "required_role": "compliance", "stage_step_indexes": [0, 2], "stage_gate_keys": ["release"]},
]


@pytest.fixture
def admin():
    return User.objects.create_superuser("ada@example.org", full_name="Ada Ng")


@pytest.fixture
def olga(admin):
    """A compliance administrator, who is no administrator of the portal."""
    user = User.objects.create_user("olga@example.org", full_name="Olga Petrova")
    return set_compliance_administrator(user.pk, by=admin, member=True)


@pytest.fixture
def office(client, olga):
    client.force_login(olga)
    return client


@pytest.fixture(autouse=True)
def roles(admin):
    for role in ("qa_lead", "compliance"):
        RoleGrant.objects.create(user=admin, role=role)


@pytest.fixture
def draft(olga):
    return create_template(by=olga, template_key="biosafety", name="Biosafety", stage_blueprint=STAGES)


@pytest.fixture
def published(olga, draft):
    publish_template(draft, by=olga)
    draft.refresh_from_db()
    return draft


@pytest.fixture
def protocol(admin):
    return Protocol.objects.create(
        name="RT-qPCR", content="Thaw", team=Team.objects.create(name="Assay"), created_by=admin
    )


class Fields(HTMLParser):
    """What a browser would post: the values of a page's inputs, areas and selects."""

    def __init__(self, page):
        super().__init__()
        self.values, self._name, self._select = {}, None, None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "input" and given.get("type") not in {"submit", "checkbox"} and "name" in given:
            self.values[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._name = given["name"]
            self.values[self._name] = ""
        elif tag == "select":
            self._select = given.get("name")
            self.values[self._select] = ""
        elif tag == "option" and self._select and "selected" in given:
            self.values[self._select] = given["value"]

    def handle_endtag(self, tag):
        if tag == "textarea":
            self._name = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data):
        if self._name:
            self.values[self._name] += data.removeprefix("\n").removeprefix("\r\n")


def page_of(client, template):
    return f"{TEMPLATES}{template.pk}/change/"


def form_of(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    values = Fields(answer.content.decode()).values
    return {name: text for name, text in values.items() if name and "__prefix__" not in name and name != "q"}


def names(template):
    return [stage["name"] for stage in stages_of(template)]


def actions():
    return list(TemplateAuditLog.objects.order_by("sequence").values_list("action", flat=True))


def errors_of(answer):
    assert answer.status_code == 200
    return " ".join(map(str, answer.context["errors"]))


def test_the_group_has_exactly_the_rights_it_needs():
    rights = Group.objects.get(name=COMPLIANCE_GROUP).permissions
    assert sorted(rights.values_list("content_type__app_label", "codename")) == [
        ("accounts", "view_team"),
        ("accounts", "view_user"),
        ("experiments", "view_protocol"),
        ("governance", "manage_ladders"),
    ]


def test_a_draft_is_made_with_its_stages(office, olga):
    form = form_of(office, TEMPLATES + "add/") | {
        "template_key": "biosafety", "name": "Biosafety", "permitted_roles": "qa_lead, compliance",
        "stages-0-name": "QA review", "stages-0-required_role": "qa_lead", "stages-0-sla_hours": "24",
        "stages-1-name": "Release", "stages-1-required_role": "compliance", "stages-1-stage_step_indexes": "0, 2",
        "stages-1-stage_gate_keys": "release", "stages-1-position": "1", "stages-0-position": "2",
    }  # fmt: skip
    assert office.post(TEMPLATES + "add/", form).status_code == 302
    template = WorkflowTemplate.objects.get()
    assert (template.version, template.status, template.created_by) == (1, "draft", olga)
    assert template.permitted_roles == ["qa_lead", "compliance"]
    assert names(template) == ["Release", "QA review"]
    assert stages_of(template)[0]["stage_step_indexes"] == [0, 2]
    assert actions() == ["template.created"]


def test_a_page_saved_as_it_was_changes_nothing(office, draft):
    before = stages_of(draft)
    assert office.post(page_of(office, draft), form_of(office, page_of(office, draft))).status_code == 302
    assert stages_of(draft) == before
    assert actions() == ["template.created"]


def test_head_and_stages_change_in_one_call_and_metadata_stays(office, draft):
    form = form_of(office, page_of(office, draft)) | {
        "name": "Biosafety, stricter", "stages-0-sla_hours": "8",
        "stages-2-name": "Second look", "stages-2-required_role": "qa_lead",
    }  # fmt: skip
    assert office.post(page_of(office, draft), form).status_code == 302
    draft.refresh_from_db()
    assert draft.name == "Biosafety, stricter"
    assert names(draft) == ["QA review", "Release", "Second look"]
    assert stages_of(draft)[0]["sla_hours"] == 8
    assert stages_of(draft)[0]["metadata"] == {"form": "F-12"}
    assert TemplateAuditLog.objects.get(action="template.updated").details["changed"] == ["name", "stage_blueprint"]


def test_a_stage_is_removed(office, draft):
    form = form_of(office, page_of(office, draft)) | {"stages-0-DELETE": "on"}
    assert office.post(page_of(office, draft), form).status_code == 302
    assert names(draft) == ["Release"]


@pytest.mark.parametrize("move", ["stages-1:up", "stages-0:down"])
def test_a_button_moves_a_stage_without_script(office, draft, move):
    page = page_of(office, draft)
    answer = office.post(page, form_of(office, page) | {"_move": move})
    assert answer["Location"] == page + "#stages-group"
    assert names(draft) == ["Release", "QA review"]
    assert 'aria-label="Save and move Release up"' in office.get(page).content.decode()


@pytest.mark.parametrize("move", ["stages-0:up", "stages-1:down", "stages-9:up", "nonsense", "stages-0:sideways"])
def test_a_move_that_leads_nowhere_leaves_the_order(office, draft, move):
    page = page_of(office, draft)
    assert office.post(page, form_of(office, page) | {"_move": move}).status_code == 302
    assert names(draft) == ["QA review", "Release"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"stages-1-name": "qa REVIEW"}, "used twice"),
        ({"stages-0-sla_hours": "8761"}, "1 to 8760 whole hours"),
        ({"stages-0-sla_hours": "0"}, "1 to 8760 whole hours"),
        ({"stages-0-stage_step_indexes": "1, 1"}, "step indexes are distinct"),
        ({"stages-0-stage_step_indexes": "one"}, "Whole numbers"),
        ({"stages-0-stage_gate_keys": "a b"}, "gate keys are distinct"),
        ({"stages-0-required_role": "nobodys_role"}, "Select a valid choice"),
        ({"permitted_roles": "qa_lead"}, "compliance is not one of the permitted roles"),
        ({"permitted_roles": "QA Lead"}, "list of role slugs"),
        ({"default_stage_sla_hours": "9999"}, "1 to 8760 whole hours"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"name": "a\u202eb"}, "one line"),
        ({"stages-0-position": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_form_that_does_not_fit_keeps_every_row_as_typed(office, draft, given, sentence):
    before = stages_of(draft)
    extra = {"stages-2-name": "Third", "stages-2-required_role": "qa_lead", "stages-2-stage_gate_keys": "typed, here"}
    form = form_of(office, page_of(office, draft)) | extra | given
    answer = office.post(page_of(office, draft), form)
    assert sentence in errors_of(answer)
    shown = Fields(answer.content.decode()).values
    for name, text in form.items():
        if name not in {"csrfmiddlewaretoken", "stages-0-required_role"} and "\x00" not in text:
            assert shown[name] == text, name
    assert stages_of(draft) == before
    assert actions() == ["template.created"]


def test_an_assignee_without_the_role_is_named_at_the_row(office, draft, olga):
    form = form_of(office, page_of(office, draft)) | {"stages-1-assignee": str(olga.pk)}
    answer = office.post(page_of(office, draft), form)
    assert "Olga Petrova does not hold the role compliance" in errors_of(answer)
    assert "Olga Petrova" in answer.content.decode()
    assert stages_of(draft)[1]["assignee_id"] is None


def test_who_saves_second_keeps_what_they_typed_and_overwrites_nothing(office, draft, admin):
    form = form_of(office, page_of(office, draft)) | {"stages-0-name": "Mine"}
    change_template(draft, by=admin, description="Theirs", stage_blueprint=STAGES)
    answer = office.post(page_of(office, draft), form)
    assert "while you were editing" in errors_of(answer)
    assert 'value="Mine"' in answer.content.decode()
    draft.refresh_from_db()
    assert (draft.description, names(draft)) == ("Theirs", ["QA review", "Release"])


def test_a_change_in_the_very_moment_of_saving_is_refused_under_the_lock(draft, admin, olga):
    seen = draft.updated_at
    change_template(draft, by=admin, description="Theirs", expected_updated_at=seen)
    with pytest.raises(TransitionDenied) as refusal:
        change_template(draft, by=olga, description="Mine", expected_updated_at=seen)
    assert refusal.value.code == "stale"
    draft.refresh_from_db()
    assert draft.description == "Theirs"


def test_line_ends_of_a_browser_are_no_change(office, draft, olga):
    change_template(draft, by=olga, description="One\nTwo")
    form = form_of(office, page_of(office, draft)) | {"description": "One\r\nTwo"}
    assert office.post(page_of(office, draft), form).status_code == 302
    assert actions().count("template.updated") == 1


def test_a_form_without_the_moment_it_was_made_is_stale(office, draft):
    form = form_of(office, page_of(office, draft)) | {"name": "Other", "seen": "yesterday"}
    assert "while you were editing" in errors_of(office.post(page_of(office, draft), form))
    draft.refresh_from_db()
    assert draft.name == "Biosafety"


@pytest.mark.parametrize("slug", ["publish", "archive", "new-version"])
def test_looking_at_a_confirmation_page_changes_nothing(office, draft, slug):
    page = office.get(f"{TEMPLATES}{draft.pk}/{slug}/").content.decode()
    assert "Biosafety v1" in page
    assert "Yes," in page
    assert actions() == ["template.created"]


def test_the_whole_life_by_the_buttons_of_a_version(office, draft, olga):
    office.post(f"{TEMPLATES}{draft.pk}/publish/", {"confirm": "yes"})
    assert TemplateSnapshot.objects.get().captured_by == olga
    answer = office.post(f"{TEMPLATES}{draft.pk}/new-version/", {"confirm": "yes"})
    second = WorkflowTemplate.objects.get(version=2)
    assert answer["Location"] == f"{TEMPLATES}{second.pk}/change/"
    assert (second.status, second.forked_from, stages_of(second)) == ("draft", draft, stages_of(draft))
    office.post(f"{TEMPLATES}{draft.pk}/archive/", {"confirm": "yes"})
    draft.refresh_from_db()
    assert (draft.status, draft.archived_by) == ("archived", olga)
    assert actions() == [
        "template.created", "template.published", "template.snapshot.created", "template.created", "template.archived",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("action", "wanted"),
    [("publish", "template.published"), ("archive", "template.archived"), ("fork", "template.created")],
)
def test_an_action_of_the_list_asks_first_and_then_does(office, draft, action, wanted):
    form = {"action": action, "_selected_action": [str(draft.pk)]}
    asked = office.post(TEMPLATES, form)
    assert asked.status_code == 200
    assert "Biosafety v1" in asked.content.decode()
    assert actions() == ["template.created"]
    office.post(TEMPLATES, form | {"confirm": "yes"})
    assert wanted in actions()[1:]


def test_new_versions_are_made_one_at_a_time(office, draft, olga):
    other = create_template(by=olga, template_key="other", name="Other", stage_blueprint=STAGES)
    form = {"action": "fork", "_selected_action": [str(draft.pk), str(other.pk)], "confirm": "yes"}
    assert "one at a time" in office.post(TEMPLATES, form, follow=True).content.decode()
    assert WorkflowTemplate.objects.count() == 2


def test_one_refusal_among_several_is_told_and_the_others_are_done(office, draft, olga):
    empty = create_template(by=olga, template_key="empty", name="Empty")
    form = {"action": "publish", "_selected_action": [str(draft.pk), str(empty.pk)], "confirm": "yes"}
    page = office.post(TEMPLATES, form, follow=True).content.decode()
    assert "needs at least one stage" in page
    assert "Published Biosafety v1." in page
    empty.refresh_from_db()
    assert empty.status == "draft"


def test_who_publishes_second_reads_who_was_first(office, draft, admin):
    publish_template(draft, by=admin)
    page = office.post(f"{TEMPLATES}{draft.pk}/publish/", {"confirm": "yes"}, follow=True).content.decode()
    assert "Biosafety v1 was published already, by Ada Ng." in page
    assert actions().count("template.published") == 1


def test_an_only_published_and_assigned_version_is_not_archived(office, published, olga, protocol):
    assign_template(published, by=olga, protocol_id=protocol.pk)
    page = office.post(f"{TEMPLATES}{published.pk}/archive/", {"confirm": "yes"}, follow=True).content.decode()
    assert "Revoke its assignments" in page
    published.refresh_from_db()
    assert published.status == "published"


def test_what_is_published_is_shown_without_a_field_to_change(office, published):
    page = office.get(page_of(office, published)).content.decode()
    assert "QA review" in page
    assert 'name="stages-0-name"' not in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize("archived", [False, True])
def test_what_was_typed_stays_when_the_draft_was_published_meanwhile_and_nothing_changes(office, draft, olga, archived):
    typed = {"name": "Typed with care", "stages-0-name": "Typed too", "stages-1-escalation": "4: team_owners"}
    form = form_of(office, page_of(office, draft)) | typed
    publish_template(draft, by=olga)
    if archived:
        archive_template(draft, by=olga)
    before = actions()
    answer = office.post(page_of(office, draft), form)
    status = "archived" if archived else "published"
    assert f"Biosafety v1 is {status} and no longer changes. Make the next version instead." in errors_of(answer)
    shown = Fields(answer.content.decode()).values
    assert {name: shown[name] for name in typed} == typed
    draft.refresh_from_db()
    assert (draft.name, names(draft), actions()) == ("Biosafety", ["QA review", "Release"], before)


def test_nothing_is_deleted_here(office, draft, published, olga, protocol):
    assignment = assign_template(published, by=olga, protocol_id=protocol.pk)
    for base, row in ((TEMPLATES, published), (ASSIGNMENTS, assignment)):
        office.post(base, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
        assert office.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert TemplateAssignment.objects.count() == WorkflowTemplate.objects.count() == 1
    assert TemplateStage.objects.count() == 2


def test_a_ladder_is_assigned_once_and_the_second_reads_why(office, published, olga, protocol):
    form = {"template": str(published.pk), "team": "", "protocol": str(protocol.pk)}
    assert office.post(ASSIGNMENTS + "add/", form).status_code == 302
    assert TemplateAssignment.objects.get().assigned_by == olga
    answer = office.post(ASSIGNMENTS + "add/", form)
    assert "is assigned to RT-qPCR" in errors_of(answer)
    assert "RT-qPCR" in answer.content.decode()
    assert actions().count("template.assigned") == 1


@pytest.mark.parametrize("both", [True, False])
def test_an_assignment_names_one_target(office, published, protocol, both):
    given = {"team": str(protocol.team_id), "protocol": str(protocol.pk)} if both else {"team": "", "protocol": ""}
    answer = office.post(ASSIGNMENTS + "add/", {"template": str(published.pk), **given})
    assert "exactly one target" in errors_of(answer)
    assert not TemplateAssignment.objects.exists()


def test_a_draft_is_not_assigned(office, draft, protocol):
    answer = office.post(ASSIGNMENTS + "add/", {"template": str(draft.pk), "protocol": str(protocol.pk)})
    assert "is a draft" in errors_of(answer)


def test_an_assignment_is_revoked_after_asking_and_never_changed(office, published, olga, protocol):
    assignment = assign_template(published, by=olga, protocol_id=protocol.pk)
    page = f"{ASSIGNMENTS}{assignment.pk}/change/"
    assert office.get(page).status_code == 200
    assert office.post(page, {"template": str(published.pk), "team": str(protocol.team_id)}).status_code == 403
    form = {"action": "revoke", "_selected_action": [str(assignment.pk)]}
    assert "RT-qPCR" in office.post(ASSIGNMENTS, form).content.decode()
    assignment.refresh_from_db()
    assert assignment.revoked_at is None
    office.post(ASSIGNMENTS, form | {"confirm": "yes"})
    assignment.refresh_from_db()
    assert (assignment.revoked_by, assignment.protocol) == (olga, protocol)


def test_who_revokes_second_reads_who_was_first(office, published, olga, protocol, admin):
    assignment = assign_template(published, by=olga, protocol_id=protocol.pk)
    revoke_assignment(assignment, by=admin)
    form = {"action": "revoke", "_selected_action": [str(assignment.pk)], "confirm": "yes"}
    assert "Ada Ng revoked this assignment already" in office.post(ASSIGNMENTS, form, follow=True).content.decode()


def test_a_compliance_administrator_sees_ladders_and_cannot_make_people(office, published):
    page = office.get("/admin/").content.decode()
    assert "BioLabs administration" in page
    assert 'href="/">Back to the portal' in page
    for name in ("workflowtemplate", "templateassignment", "templatesnapshot", "templateauditlog", "templatefamily"):
        assert office.get(f"/admin/governance/{name}/").status_code == 200
    assert office.get("/admin/accounts/user/add/").status_code == 403
    assert office.get("/admin/accounts/rolegrant/").status_code == 403


def test_seeing_people_gives_no_verb_over_them(office, admin):
    form = {"action": "unlock", "_selected_action": [str(admin.pk)]}
    assert office.post("/admin/accounts/user/", form).status_code == 403
    assert not AccountEvent.objects.filter(action="account.unlocked").exists()


@pytest.mark.parametrize("field", ["assignee", "team", "protocol"])
def test_the_search_fields_find(office, published, protocol, field):
    app, model = ("governance", "templatestage" if field == "assignee" else "templateassignment")
    ask = {"app_label": app, "model_name": model, "field_name": field, "term": ""}
    assert office.get("/admin/autocomplete/", ask).json()["results"]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("Biosafety v1", ["Biosafety v1"]),
        ("biosafety@2", []),
        ("biosafety@3", ["Biosafety v3"]),
        ("bio", ["Biosafety v3", "Biosafety v1"]),
    ],
)
def test_an_assignment_is_offered_what_is_published_by_name_and_version(office, published, olga, term, found):
    create_template(by=olga, template_key="biosafety", name="Biosafety", stage_blueprint=STAGES)
    create_template(by=olga, template_key="biosafety", name="Biosafety", stage_blueprint=STAGES, publish=True)
    ask = {"app_label": "governance", "model_name": "templateassignment", "field_name": "template", "term": term}
    assert [row["text"] for row in office.get("/admin/autocomplete/", ask).json()["results"]] == found
    listed = office.get(TEMPLATES, {"q": "biosafety@2"}).context["cl"].result_list
    assert [row.version for row in listed] == [2]


@pytest.mark.parametrize("name", ["templatesnapshot", "templateauditlog", "templatefamily"])
def test_records_are_only_looked_at(office, published, name):
    base = f"/admin/governance/{name}/"
    rows = {
        "templatesnapshot": TemplateSnapshot.objects.first,
        "templateauditlog": TemplateAuditLog.objects.first,
        "templatefamily": lambda: published.family,
    }
    page = f"{base}{rows[name]().pk}/"
    assert office.get(page + "change/").status_code == 200
    assert office.post(page + "change/", {"body": "{}"}).status_code == 403
    assert office.get(base + "add/").status_code == office.post(page + "delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("staff", [False, True])
def test_others_find_no_door(client, draft, staff):
    user = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega", is_staff=staff)
    client.force_login(user)
    doors = [TEMPLATES, TEMPLATES + "add/", page_of(client, draft), f"{TEMPLATES}{draft.pk}/publish/", ASSIGNMENTS]
    for door in doors:
        for answer in (client.get(door, follow=True), client.post(door, {"confirm": "yes"}, follow=True)):
            assert answer.status_code == 403
    assert actions() == ["template.created"]


def test_an_unknown_version_is_not_found(office):
    assert office.get(f"{TEMPLATES}00000000-0000-4000-8000-000000000000/publish/").status_code == 404


def test_used_by_counts_where_the_newest_published_version_applies(office, published, olga, protocol):
    assign_template(published, by=olga, protocol_id=protocol.pk)
    revoke_assignment(assign_template(published, by=olga, team_id=protocol.team_id), by=olga)

    def used():
        rows = office.get(TEMPLATES).context["cl"].result_list
        view = office.get(TEMPLATES).context["cl"].model_admin
        return {row.version: view.used_by(row) for row in rows}

    assert used() == {1: 1}
    second = create_template(by=olga, template_key="biosafety", name="Biosafety", stage_blueprint=STAGES)
    assert used() == {2: 0, 1: 1}
    publish_template(second, by=olga)
    assert used() == {2: 1, 1: 0}


def test_the_list_asks_as_often_for_thirty_rows_as_for_one(office, draft, olga):
    def count():
        office.get(TEMPLATES)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert office.get(TEMPLATES).status_code == 200
        return len(queries)

    one = count()
    for number in range(29):
        create_template(by=olga, template_key=f"ladder-{number}", name="Ladder", stage_blueprint=STAGES)
    assert count() == one


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
    ],
)
def test_without_script_an_assignment_is_typed_by_name(office, published, protocol, typed, status):
    form = {f"{name}-typed": text for name, text in typed.items()}
    assert office.post(ASSIGNMENTS + "add/", form).status_code == status
    assert TemplateAssignment.objects.count() == (status == 302)


# --- Compliance administrators ---------------------------------------------------------------------------------------


def test_an_administrator_makes_a_compliance_administrator(client, admin):
    jonas = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    client.force_login(admin)
    form = {"email": jonas.email, "full_name": jonas.full_name, "is_active": "on", "compliance_administrator": "on"}
    page = f"/admin/accounts/user/{jonas.pk}/change/"
    assert client.post(page, form).status_code == 302
    jonas.refresh_from_db()
    assert (jonas.is_staff, jonas.is_admin, jonas.is_superuser) == (True, False, False)
    assert jonas.groups.get().name == COMPLIANCE_GROUP
    event = AccountEvent.objects.get(action="user.compliance_changed")
    assert (event.actor, event.about, event.payload) == (admin, jonas, {"compliance_administrator": True})
    form.pop("compliance_administrator")
    client.post(page, form)
    jonas.refresh_from_db()
    assert not jonas.is_staff
    assert not jonas.groups.exists()


def test_a_change_of_name_leaves_a_compliance_administrator_one(admin, olga):
    change_user(olga.pk, by=admin, full_name="Olga Petrova-Lind")
    olga.refresh_from_db()
    assert olga.is_staff


def test_who_is_deactivated_becomes_no_compliance_administrator(admin):
    gone = User.objects.create_user("gone@example.org", full_name="Gone", is_active=False)
    with pytest.raises(Invalid, match="deactivated"):
        set_compliance_administrator(gone.pk, by=admin, member=True)
    assert not gone.groups.exists()


def test_without_the_group_nobody_is_let_in(admin):
    Group.objects.all().delete()
    jonas = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    with pytest.raises(TransitionDenied, match="Run the migrations"):
        set_compliance_administrator(jonas.pk, by=admin, member=True)
    jonas.refresh_from_db()
    assert not jonas.is_staff


def test_a_compliance_administrator_makes_no_other(olga):
    jonas = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    with pytest.raises(NotAllowed):
        set_compliance_administrator(jonas.pk, by=olga, member=True)
    assert not jonas.groups.exists()
