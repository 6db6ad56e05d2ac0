import pytest

from accounts.models import Membership, Team, User
from experiments.models import Protocol
from governance.assignment_transitions import assign_template
from governance.transitions import create_template, publish_template

pytestmark = pytest.mark.django_db
STAGES = [{"name": "QA review", "required_role": "qa_lead", "sla_hours": 24}]


@pytest.fixture
def admin():
    return User.objects.create_superuser("olga@example.org", full_name="Olga Petrova")


@pytest.fixture
def team():
    return Team.objects.create(name="Assay")


@pytest.fixture
def scientist(team):
    user = User.objects.create_user("jonas@example.org", full_name="Jonas Ortega")
    Membership.objects.create(team=team, user=user)
    return user


@pytest.fixture
def assigned(admin, team):
    protocol = Protocol.objects.create(name="RT-qPCR", content="Thaw", team=team, created_by=admin)
    template = create_template(
        by=admin, template_key="biosafety", name="Biosafety", stage_blueprint=STAGES, publish=True
    )
    assign_template(template, by=admin, protocol_id=protocol.pk)
    return template


def test_a_teammate_sees_the_ladder_that_applies_in_words(client, scientist, assigned):
    client.force_login(scientist)
    assert "Biosafety" in client.get("/governance/ladders/").content.decode()
    page = client.get("/governance/ladders/biosafety/").content.decode()
    assert "QA review by any qa_lead, within 24 hours" in page
    assert "Audit log" not in page


def test_a_stranger_sees_neither_the_ladder_nor_that_it_is_there(client, assigned):
    client.force_login(User.objects.create_user("stan@example.org", full_name="Stan Ger"))
    assert "Biosafety" not in client.get("/governance/ladders/").content.decode()
    foreign, unknown = (client.get(f"/governance/ladders/{key}/") for key in ("biosafety", "nothing"))
    assert foreign.status_code == unknown.status_code == 404


def test_other_teams_places_are_not_named(client, admin, scientist, assigned):
    theirs = Team.objects.create(name="Secret venture")
    hidden = Protocol.objects.create(name="Hidden protocol", content="x", team=theirs, created_by=admin)
    assign_template(assigned, by=admin, protocol_id=hidden.pk)
    assign_template(assigned, by=admin, team_id=theirs.pk)
    client.force_login(scientist)
    for address in ("/governance/ladders/", "/governance/ladders/biosafety/?tab=assignments"):
        page = client.get(address).content.decode()
        assert "RT-qPCR" in page
        assert "Hidden protocol" not in page
        assert "Secret venture" not in page
    client.force_login(admin)
    page = client.get("/governance/ladders/biosafety/?tab=assignments").content.decode()
    assert "Hidden protocol" in page
    assert "Secret venture" in page


def test_a_draft_is_shown_to_administrators_only(client, admin, scientist, assigned):
    create_template(by=admin, template_key="biosafety", name="Biosafety, stricter", stage_blueprint=STAGES)
    client.force_login(scientist)
    assert "stricter" not in client.get("/governance/ladders/biosafety/?tab=versions").content.decode()
    client.force_login(admin)
    assert "stricter" in client.get("/governance/ladders/biosafety/?tab=versions").content.decode()


def test_differences_are_shown_in_words_and_side_by_side(client, admin, assigned):
    second = create_template(
        by=admin, template_key="biosafety", name="Biosafety", stage_blueprint=[{**STAGES[0], "sla_hours": 8}]
    )
    publish_template(second, by=admin)
    client.force_login(admin)
    page = client.get("/governance/ladders/biosafety/?tab=differences").content.decode()
    assert "QA review, time limit: 24 hours → 8 hours" in page
    assert "within 24 hours" in page
    assert "within 8 hours" in page


def test_a_ladder_is_assigned_from_its_page_with_the_form_begun(client, admin, scientist, assigned):
    page = f"/admin/governance/templateassignment/add/?template={assigned.pk}"
    client.force_login(admin)
    assert page in client.get("/governance/ladders/biosafety/").content.decode()
    assert f'value="{assigned.pk}" selected' in client.get(page).content.decode()
    client.force_login(scientist)
    assert page not in client.get("/governance/ladders/biosafety/").content.decode()


@pytest.mark.parametrize("query", ["?version=x&against=%00", "?tab=audit&cursor=zzz", "?tab=nothing", "?version=99"])
def test_hostile_queries_are_answered_calmly(client, admin, assigned, query):
    client.force_login(admin)
    assert client.get(f"/governance/ladders/biosafety/{query}").status_code in (200, 400)


@pytest.mark.parametrize("path", ["/governance/ladders/", "/governance/ladders/biosafety/?tab=audit"])
def test_nobody_looks_without_signing_in(client, path):
    assert client.get(path).status_code == 302
