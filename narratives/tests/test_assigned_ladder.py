"""Where a ladder is assigned, page and API use it and no other; an export keeps what it started with."""

import pytest

from accounts.models import RoleGrant
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.models import TemplateAuditLog
from governance.transitions import archive_template, create_template
from ledger.errors import TransitionDenied
from narratives.api.views import export_json
from narratives.models import NarrativeExport
from narratives.tests.test_api import post
from narratives.transitions import create_export, draft_export, request_export

pytestmark = pytest.mark.django_db
STAGES = [{"name": "QA review", "required_role": "qa", "sla_hours": 24}]


@pytest.fixture
def admin(lab):
    person = lab.mira
    type(person).objects.filter(pk=person.pk).update(is_admin=True)
    person.refresh_from_db()
    return person


def published(admin, **fields):
    return create_template(
        **{
            "by": admin,
            "template_key": "release",
            "name": "Release",
            "stage_blueprint": STAGES,
            "publish": True,
            **fields,
        }
    )


def assign(lab, admin, template):
    return assign_template(template, by=admin, protocol_id=lab.execution.protocol_id)


def test_an_export_is_bound_to_the_assigned_snapshot_and_the_binding_is_logged(lab, admin):
    template = published(admin)
    assign(lab, admin, template)
    export = request_export(lab.execution.pk, by=lab.jonas)
    assert (export.workflow_template, export.template_snapshot) == (template, template.snapshot)
    assert [stage.name for stage in export.ladder.stages.all()] == ["QA review"]
    entry = TemplateAuditLog.objects.get(action="export.snapshot.bound")
    assert entry.details == {
        "template_id": str(template.pk),
        "snapshot_id": str(template.snapshot.pk),
        "execution_id": str(lab.execution.pk),
        "export_id": str(export.pk),
        "export_version": 1,
    }


def test_another_ladder_is_refused_over_the_api_and_nothing_is_written(lab, admin):
    assign(lab, admin, published(admin))
    base = f"/api/experiment-console/sessions/{lab.execution.pk}/exports/narrative"
    refused = post(lab.jonas, base, {"approval_stages": [{"required_role": "approver"}]})
    assert (refused.status_code, refused.json()["code"]) == (409, "assigned_ladder_required")
    assert not NarrativeExport.objects.exists()
    made = post(lab.jonas, base, {})
    assert made.status_code == 201, made.content
    assert (made.json()["workflow_template_key"], made.json()["workflow_template_version"]) == ("release", 1)
    assert made.json()["workflow_template_snapshot"]["stages"][0]["required_role"] == "qa"


def test_a_newer_version_is_told_and_changes_nothing_in_flight(client, lab, admin):
    assign(lab, admin, published(admin))
    base = f"/api/experiment-console/sessions/{lab.execution.pk}/exports/narrative"
    before = post(lab.jonas, base, {}).json()
    assert before["template_drift"] is None
    published(admin, stage_blueprint=[*STAGES, {"name": "Second", "required_role": "approver"}])
    lab.jonas.refresh_from_db()
    after = NarrativeExport.objects.get(pk=before["id"])
    assert after.ladder.stages.count() == 1
    assert export_json(after.pk)["template_drift"] == {"version": 2}
    client.force_login(lab.jonas)
    page = client.get(f"/exports/{after.pk}/").content.decode()
    assert "Version 2 of this ladder was published since" in page
    assert "keeps Release v1" in page
    newest = request_export(lab.execution.pk, by=lab.jonas)
    assert "was published since" not in client.get(f"/exports/{newest.pk}/").content.decode()


def test_a_ladder_that_changes_between_reading_and_locking_is_refused(lab, admin):
    draft = draft_export(lab.execution.pk, by=lab.jonas)
    assign(lab, admin, published(admin))
    with pytest.raises(TransitionDenied) as refusal:
        create_export(draft, by=lab.jonas)
    assert refusal.value.code == "ladder_changed"
    assert not NarrativeExport.objects.exists()


def test_an_archived_snapshot_cannot_be_named(lab, admin):
    template = published(admin)
    archive_template(template, by=admin)
    with pytest.raises(TransitionDenied) as refusal:
        request_export(lab.execution.pk, by=lab.jonas, snapshot_id=template.snapshot.pk)
    assert refusal.value.code == "template_archived"


def test_the_compose_page_shows_the_assigned_ladder_locked_and_keeps_what_was_typed(client, lab, admin):
    client.force_login(lab.jonas)
    address = f"/executions/{lab.execution.pk}/exports/new/"
    opened = client.get(address).content.decode()
    assert 'name="ladder"' in opened
    template = published(admin)
    assign(lab, admin, template)
    refused = client.post(address, {"do": "request", "ladder": "default", "snapshot": "", "notes": "kept words"})
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "kept words" in page
    assert "QA review by any qa, within 24 hours" in page
    assert 'name="ladder"' not in page
    assert not NarrativeExport.objects.exists()
    sent = {"do": "request", "snapshot": str(template.snapshot.pk), "notes": "kept words"}
    assert client.post(address, sent).status_code == 302
    assert NarrativeExport.objects.get().template_snapshot == template.snapshot


def test_the_compose_page_says_when_a_ladder_ends_only_where_every_stage_has_a_limit(client, lab, admin):
    client.force_login(lab.jonas)
    address = f"/executions/{lab.execution.pk}/exports/new/"
    assign(lab, admin, published(admin))
    assert "with every time limit used up, it ends" in client.get(address).content.decode()
    published(admin, stage_blueprint=[*STAGES, {"name": "Release", "required_role": "qa"}])
    assert "it ends" not in client.get(address).content.decode()


def test_the_compose_page_says_who_could_sign_where_no_ladder_is_assigned(client, lab):
    client.force_login(lab.jonas)
    address = f"/executions/{lab.execution.pk}/exports/new/"
    RoleGrant.objects.filter(role="approver").delete()
    assert "Nobody can sign this stage now." in client.get(address).content.decode()
    RoleGrant.objects.create(user=lab.mira, role="approver")
    assert f"Could sign now: {lab.mira.printed_name}" in client.get(address).content.decode()


def test_a_ladder_archived_between_composing_and_requesting_is_refused_and_what_was_typed_stays(client, lab, admin):
    template = published(admin)
    assignment = assign(lab, admin, template)
    client.force_login(lab.jonas)
    address = f"/executions/{lab.execution.pk}/exports/new/"
    assert "QA review by any qa" in client.get(address).content.decode()
    revoke_assignment(assignment, by=admin)
    archive_template(template, by=admin)
    sent = {"do": "request", "snapshot": str(template.snapshot.pk), "notes": "kept words"}
    refused = client.post(address, sent)
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "kept words" in page
    assert "The ladder that applies here changed since you opened this page." in page
    assert 'name="ladder"' in page
    assert not NarrativeExport.objects.exists()


def test_a_named_ladder_archived_between_reading_and_locking_is_refused(lab, admin):
    template = published(admin)
    draft = draft_export(lab.execution.pk, by=lab.jonas, snapshot_id=template.snapshot.pk)
    archive_template(template, by=admin)
    with pytest.raises(TransitionDenied) as refusal:
        create_export(draft, by=lab.jonas)
    assert refusal.value.code == "template_archived"
    assert not NarrativeExport.objects.exists()


def test_the_compose_page_warns_where_nobody_can_sign(client, lab, admin):
    rules = {"reminder_hours": 4, "escalation": [{"after_hours": 2, "to": str(lab.mira.pk)}]}
    stages = [{**STAGES[0], "metadata": rules}, {"name": "Board", "required_role": "board"}]
    assign(lab, admin, published(admin, stage_blueprint=stages))
    client.force_login(lab.jonas)
    page = client.get(f"/executions/{lab.execution.pk}/exports/new/").content.decode()
    for words in ("within 24 hours", "Reminder 4 hours before", "After 2 hours overdue Mira Kessler is told"):
        assert words in page
    assert page.count("Nobody can sign this stage now.") == 1
