"""An administrator, a compliance administrator at her desk, and a ladder; a test file may have its own instead."""

import pytest

from accounts.models import RoleGrant, Team, User
from accounts.transitions import set_compliance_administrator
from experiments.models import Protocol
from governance.tests.office import STAGES
from governance.transitions import create_template, publish_template


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


@pytest.fixture
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
