import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import RoleGrant, Team, User
from experiments.models import Protocol
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.audit import AUDIT_LOGS
from governance.blueprint import ad_hoc_ladder
from governance.models import TemplateAssignment, TemplateAuditLog, TemplateFamily, TemplateSnapshot, WorkflowTemplate
from governance.queries import choose_ladder, template_drift
from governance.transitions import archive_template, change_template, create_template, publish_template
from ledger.chain import fault_in
from ledger.errors import Invalid, NotAllowed, TransitionDenied

pytestmark = pytest.mark.django_db

STAGES = [
    {"name": "QA review", "required_role": "qa_lead", "sla_hours": 24},
    {"name": "Release", "required_role": "compliance"},
]


@pytest.fixture
def admin():
    return User.objects.create_user("olga@example.org", full_name="Olga Petrova", is_admin=True)


@pytest.fixture
def scientist():
    return User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")


@pytest.fixture
def protocol(admin):
    team = Team.objects.create(name="Assay")
    return Protocol.objects.create(name="RT-qPCR", content="Thaw", team=team, created_by=admin)


def make(admin, **fields):
    return create_template(
        **{"by": admin, "template_key": "biosafety", "name": "Biosafety", "stage_blueprint": STAGES, **fields}
    )


def actions():
    return list(TemplateAuditLog.objects.order_by("sequence").values_list("action", flat=True))


def test_a_new_key_makes_version_1_as_a_draft_and_the_latest(admin):
    template = make(admin)
    assert (template.version, template.status, template.is_latest) == (1, "draft", True)
    assert [(s.position, s.name) for s in template.stages.all()] == [(1, "QA review"), (2, "Release")]
    assert actions() == ["template.created"]


def test_a_known_key_makes_the_next_version_and_retires_the_last(admin):
    first, second = make(admin), make(admin)
    first.refresh_from_db()
    assert (second.version, second.is_latest, first.is_latest) == (2, True, False)


def test_a_fork_without_stages_keeps_its_lineage_and_takes_its_sources_stages(admin):
    first = make(admin)
    fork = create_template(by=admin, name="Biosafety, stricter", forked_from_id=str(first.pk))
    assert (fork.family_id, fork.version, fork.forked_from_id) == (first.family_id, 2, first.pk)
    assert [s.name for s in fork.stages.all()] == ["QA review", "Release"]


def test_publishing_captures_a_snapshot_once(admin):
    template = make(admin)
    snapshot = publish_template(template, by=admin)
    assert publish_template(template, by=admin) == snapshot
    assert snapshot.members["stages"][0]["required_role"] == "qa_lead"
    assert actions() == ["template.created", "template.published", "template.snapshot.created"]


def test_only_a_draft_changes(admin):
    template = make(admin, publish=True)
    with pytest.raises(TransitionDenied, match="Make the next version instead"):
        change_template(template, by=admin, name="Other")
    template.refresh_from_db()
    assert template.name == "Biosafety"


def test_a_change_is_logged_by_the_fields_that_differ(admin):
    change_template(make(admin), by=admin, name="Biosafety 2", description="", stage_blueprint=STAGES[:1])
    assert TemplateAuditLog.objects.get(sequence=2).details["changed"] == ["name", "stage_blueprint"]


def test_an_archived_template_is_not_published_again(admin):
    template = archive_template(make(admin), by=admin)
    with pytest.raises(Invalid) as refusal:
        publish_template(template, by=admin)
    assert refusal.value.code == "archived"


def test_a_ladder_without_stages_is_not_published_and_nothing_is_written(admin):
    with pytest.raises(Invalid, match="at least one stage"):
        make(admin, stage_blueprint=[], publish=True)
    assert not WorkflowTemplate.objects.exists()
    assert not TemplateFamily.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"template_key": "No Such Key"}, "template_key"),
        ({"name": "two\nlines"}, "name"),
        ({"default_stage_sla_hours": 0}, "default_stage_sla_hours"),
        ({"default_stage_sla_hours": True}, "default_stage_sla_hours"),
        ({"permitted_roles": ["QA Lead"]}, "permitted_roles"),
        ({"permitted_roles": ["qa_lead"]}, "stage_blueprint.1.required_role"),
        ({"stage_blueprint": [STAGES[0], {**STAGES[0], "name": "qa REVIEW"}]}, "stage_blueprint.1.name"),
        ({"stage_blueprint": [{**STAGES[0], "sla_hours": 8761}]}, "stage_blueprint.0.sla_hours"),
        ({"stage_blueprint": [{**STAGES[0], "stage_step_indexes": [1, 1]}]}, "stage_blueprint.0.stage_step_indexes"),
        ({"stage_blueprint": [{**STAGES[0], "stage_gate_keys": ["a b"]}]}, "stage_blueprint.0.stage_gate_keys"),
        ({"stage_blueprint": [{**STAGES[0], "assignee_id": "nobody"}]}, "stage_blueprint.0.assignee_id"),
        ({"stage_blueprint": [{**STAGES[0], "surprise": 1}]}, "stage_blueprint.0.surprise"),
        ({"stage_blueprint": ["text"]}, "stage_blueprint.0"),
        ({"stage_blueprint": [STAGES[0]] * 201}, "stage_blueprint"),
        ({"forked_from_id": "x"}, "forked_from_id"),
    ],
)
def test_a_wrong_blueprint_is_refused_by_field_and_nothing_is_written(admin, fields, field):
    with pytest.raises(Invalid) as refusal:
        make(admin, **fields)
    assert field in [error["field"] for error in refusal.value.errors]
    assert not WorkflowTemplate.objects.exists()


def test_an_assignee_must_hold_the_role(admin, scientist):
    stages = [{**STAGES[0], "assignee_id": str(scientist.pk)}]
    with pytest.raises(Invalid, match="Jonas Ortega does not hold the role qa_lead"):
        make(admin, stage_blueprint=stages)
    RoleGrant.objects.create(user=scientist, role="qa_lead")
    assert make(admin, stage_blueprint=stages).stages.get().assignee == scientist


def test_a_scientist_manages_no_ladder(admin, scientist, protocol):
    template = make(admin, publish=True)
    for attempt in (
        lambda: make(scientist),
        lambda: change_template(template, by=scientist, name="x"),
        lambda: publish_template(template, by=scientist),
        lambda: archive_template(template, by=scientist),
        lambda: assign_template(template, by=scientist, protocol_id=protocol.pk),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert actions() == ["template.created", "template.published", "template.snapshot.created"]


def test_a_protocols_ladder_goes_before_its_teams(admin, protocol):
    for_team, for_protocol = make(admin, publish=True), make(admin, template_key="strict", name="Strict", publish=True)
    assign_template(for_team, by=admin, team_id=protocol.team_id)
    place = {"protocol_id": protocol.pk, "team_id": protocol.team_id}
    assert choose_ladder(**place).reason == "assigned_team"
    assignment = assign_template(for_protocol, by=admin, protocol_id=protocol.pk)
    assert choose_ladder(**place).blueprint.template_key == "strict"
    revoke_assignment(assignment, by=admin)
    assert choose_ladder(**place).blueprint.template_key == "biosafety"


def test_where_a_ladder_is_assigned_no_other_is_accepted(admin, protocol):
    assigned, other = make(admin, publish=True), make(admin, template_key="other", publish=True)
    assign_template(assigned, by=admin, protocol_id=protocol.pk)
    place = {"protocol_id": protocol.pk, "team_id": protocol.team_id}
    for request in ({"ad_hoc": ad_hoc_ladder(STAGES)}, {"snapshot_id": other.snapshot.pk}):
        with pytest.raises(TransitionDenied) as refusal:
            choose_ladder(**place, **request)
        assert refusal.value.code == "assigned_ladder_required"
    assert choose_ladder(**place, snapshot_id=assigned.snapshot.pk).reason == "assigned_protocol"


def test_an_assignment_follows_the_family_to_its_newest_published_version(admin, protocol):
    first = make(admin, publish=True)
    assign_template(first, by=admin, protocol_id=protocol.pk)
    place = {"protocol_id": protocol.pk, "team_id": None}
    draft = make(admin, stage_blueprint=STAGES[:1])
    assert choose_ladder(**place).blueprint.template_version == 1
    publish_template(draft, by=admin)
    assert choose_ladder(**place).blueprint.template_version == 2
    assert template_drift(first.snapshot.pk)["version"] == 2


def test_a_target_has_one_ladder_and_an_assignment_one_target(admin, protocol):
    template, other = make(admin, publish=True), make(admin, template_key="other", publish=True)
    assign_template(template, by=admin, protocol_id=protocol.pk)
    with pytest.raises(TransitionDenied, match="Biosafety v1 is assigned to RT-qPCR"):
        assign_template(other, by=admin, protocol_id=protocol.pk)
    with pytest.raises(Invalid, match="exactly one target"):
        assign_template(other, by=admin, protocol_id=protocol.pk, team_id=protocol.team_id)
    assert TemplateAssignment.objects.count() == 1


def test_an_assigned_ladder_is_not_archived_from_under_its_users(admin, protocol):
    template = make(admin, publish=True)
    assign_template(template, by=admin, protocol_id=protocol.pk)
    with pytest.raises(TransitionDenied) as refusal:
        archive_template(template, by=admin)
    assert refusal.value.code == "still_assigned"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"ad_hoc": ad_hoc_ladder(STAGES), "snapshot_id": "x"}, "two_ladders"),
        ({"snapshot_id": "not-a-uuid"}, "unknown_snapshot"),
        ({"template_id": "11111111-1111-4111-8111-111111111111"}, "unknown_snapshot"),
    ],
)
def test_a_ladder_that_cannot_be_named_is_refused(arguments, code):
    with pytest.raises(Invalid) as refusal:
        choose_ladder(protocol_id=None, team_id=None, **arguments)
    assert refusal.value.code == code


def test_the_audit_log_is_chained_and_snapshots_stay(admin):
    template = make(admin, publish=True)
    for chain in AUDIT_LOGS.ids():
        assert AUDIT_LOGS.head(chain)[0] == 3
        assert fault_in(AUDIT_LOGS, chain) is None
    for sql in ("UPDATE governance_templatesnapshot SET body = '{}'", "DELETE FROM governance_templateauditlog"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert TemplateSnapshot.objects.get(template=template).members["name"] == "Biosafety"
