"""Approval ladders in Django's admin: the whole life of a template, each step through its transition."""

import pytest
from django.contrib.auth.models import Group

from accounts.models import AccountEvent, User
from accounts.transitions import COMPLIANCE_GROUP
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.models import TemplateAssignment, TemplateAuditLog, TemplateSnapshot, TemplateStage, WorkflowTemplate
from governance.tests.office import ASSIGNMENTS, STAGES, TEMPLATES, Fields, actions, errors_of, form_of, names, page_of
from governance.transitions import archive_template, change_template, create_template, publish_template, stages_of
from ledger.errors import TransitionDenied

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]


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
        ({"stages-0-sla_hours": "8761"}, "1 to 8,760 whole hours"),
        ({"stages-0-sla_hours": "0"}, "1 to 8,760 whole hours"),
        ({"stages-0-stage_step_indexes": "1, 1"}, "step indexes are distinct"),
        ({"stages-0-stage_step_indexes": "one"}, "Whole numbers"),
        ({"stages-0-stage_gate_keys": "a b"}, "gate keys are distinct"),
        ({"stages-0-required_role": "nobodys_role"}, "Select a valid choice"),
        ({"permitted_roles": "qa_lead"}, "compliance is not one of the permitted roles"),
        ({"permitted_roles": "QA Lead"}, "list of role slugs"),
        ({"default_stage_sla_hours": "9999"}, "1 to 8,760 whole hours"),
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


def test_a_compliance_administrator_sees_ladders_and_cannot_make_people(office, published):
    page = office.get("/admin/").content.decode()
    assert "BioLabs administration" in page
    assert 'href="/">Back to the portal' in page
    for name in ("workflowtemplate", "templateassignment", "templatesnapshot", "templateauditlog", "templatefamily"):
        assert office.get(f"/admin/governance/{name}/").status_code == 200
    assert office.get("/admin/accounts/user/add/").status_code == 403
    assert office.get("/admin/accounts/rolegrant/").status_code == 403


def test_seeing_people_gives_no_verb_over_them_and_none_is_offered(office, admin):
    people = office.get("/admin/accounts/user/").content.decode()
    assert "Ada Ng" in people
    assert "Unlock" not in people
    page = office.get(f"/admin/accounts/user/{admin.pk}/change/").content.decode()
    assert "ada@example.org" in page
    assert "New password" not in page
    office.post("/admin/accounts/user/", {"action": "unlock", "_selected_action": [str(admin.pk)]})
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


def test_the_confirmation_foretells_where_exports_would_use_which_version(office, olga, published, protocol):
    """Before anybody says yes: the places, the version they fall back to, the roles nobody holds."""
    assign_template(published, by=olga, protocol_id=protocol.pk)
    board = [{"name": "Board", "required_role": "board"}]
    fork = create_template(by=olga, name="Stricter", forked_from_id=published.pk, stage_blueprint=board)
    page = office.get(f"{TEMPLATES}{fork.pk}/publish/").content.decode()
    assert "New exports of the protocol RT-qPCR use Stricter v2 from then on." in page
    assert "Nobody holds the role board now." in page
    page = office.get(f"{TEMPLATES}{published.pk}/archive/").content.decode()
    assert "Biosafety v1 applies to the protocol RT-qPCR: revoke that first, or publish another version." in page
    publish_template(fork, by=olga)
    page = office.get(f"{TEMPLATES}{fork.pk}/archive/").content.decode()
    assert "New exports of the protocol RT-qPCR then use Biosafety v1, which was published before." in page
    assert "New exports" not in office.get(f"{TEMPLATES}{published.pk}/archive/").content.decode()


def test_records_are_told_in_words_and_show_what_is_sealed(office, published):
    snapshot, entry = published.snapshot, TemplateAuditLog.objects.get(sequence=1)
    page = office.get(f"/admin/governance/templatesnapshot/{snapshot.pk}/change/").content.decode()
    assert "QA review by any qa_lead, within 24 hours" in page
    assert snapshot.digest in page
    page = office.get(f"/admin/governance/templateauditlog/{entry.pk}/change/").content.decode()
    assert "Draft made with 2 stages" in page
    assert entry.hash in page
