"""Every list of governance asks as often for thirty rows as for one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Team, User
from experiments.models import Protocol
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.transitions import create_template

pytestmark = pytest.mark.django_db
LADDER, ADMIN, API = "/governance/ladders/release/", "/admin/governance/", "/api/governance/templates"
PAGES = [
    "/governance/ladders/",
    LADDER,
    LADDER + "?tab=versions",
    LADDER + "?tab=assignments",
    LADDER + "?tab=differences",
    LADDER + "?tab=audit",
    ADMIN + "workflowtemplate/",
    ADMIN + "templateassignment/",
    ADMIN + "templatefamily/",
    ADMIN + "templatesnapshot/",
    ADMIN + "templateauditlog/",
]
CALLS = [API, API + "?include_all=1", API + "/FIRST/audit", API + "/FIRST/snapshots", API + "/FIRST/assignments"]


class House:
    """Ladders, versions, assignments in force and revoked, snapshots and audit entries, `grow` by `grow`."""

    def __init__(self):
        self.admin = User.objects.create_superuser("olga@example.org", full_name="Olga Petrova")
        self.team, self.count = Team.objects.create(name="Assay"), 0
        self.first = self.ladder("release")

    def ladder(self, key, **fields):
        stages = [{"name": "QA review", "required_role": "qa", "metadata": {"reminder_hours": 1}}]
        return create_template(
            by=self.admin, template_key=key, name=key, stage_blueprint=stages, publish=True, **fields
        )

    def grow(self):
        self.count += 1
        self.ladder("release", forked_from_id=self.first.pk)
        other = self.ladder(f"ladder-{self.count}")
        for template, fate in ((self.first, None), (self.first, revoke_assignment), (other, None)):
            named = f"P{self.count} {template.name} {bool(fate)}"
            protocol = Protocol.objects.create(name=named, content="x", team=self.team, created_by=self.admin)
            assignment = assign_template(template, by=self.admin, protocol_id=protocol.pk)
            if fate:
                fate(assignment, by=self.admin)


def counted(client, api, house):
    found = {}
    for place in PAGES + CALLS:
        with CaptureQueriesContext(connection) as queries:
            answer = (api if place in CALLS else client).get(place.replace("FIRST", str(house.first.pk)))
        assert answer.status_code == 200, place
        found[place] = len(queries)
    return found


def test_every_list_asks_as_often_for_thirty_rows_as_for_one(client):
    house, api = House(), APIClient()
    client.force_login(house.admin)
    api.force_authenticate(house.admin)
    house.grow()
    counted(client, api, house)
    one = counted(client, api, house)
    for _ in range(29):
        house.grow()
    assert counted(client, api, house) == one


def test_versions_are_paged(client):
    house = House()
    for _ in range(4):
        house.ladder("release")
    client.force_login(house.admin)
    first = client.get(LADDER, {"tab": "versions", "limit": 3})
    assert [row.version for row in first.context["page"].items] == [5, 4, 3]
    assert "Load more" in first.content.decode()
    rest = client.get(LADDER, {"tab": "versions", "limit": 3, "cursor": first.context["page"].next_cursor})
    assert [row.version for row in rest.context["page"].items] == [2, 1]
    assert client.get(LADDER, {"tab": "differences", "against": "2"}).context["others"] == [4, 3, 2, 1]
