from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import transitions
from accounts.models import Membership, RoleGrant, Team, User
from accounts.tests.hooks import LOOPBACK, Hook
from accounts.transitions_webhooks import create_webhook

PASSWORD = "correct horse 42"
MONDAY = datetime(2026, 5, 11, 9, 30, tzinfo=UTC)


def person(email, **fields):
    name = fields.pop("full_name", email.split("@")[0].title())
    return User.objects.create_user(email, PASSWORD, full_name=name, **fields)


@pytest.fixture
def admin(db):
    return User.objects.create_superuser("admin@lab.org", PASSWORD, full_name="Ada Ng")


@pytest.fixture
def lea(db):
    return person("lea@lab.org", full_name="Lea Novak")


@pytest.fixture
def jonas(db):
    return person("jonas@lab.org", full_name="Jonas Ortega")


@pytest.fixture
def stranger(db):
    return person("stranger@elsewhere.org", full_name="Sam Aoki")


@pytest.fixture
def team(lea, jonas):
    """Assay: Lea owns it, Jonas is a member."""
    team = Team.objects.create(name="Assay")
    Membership.objects.create(team=team, user=lea, role="owner")
    Membership.objects.create(team=team, user=jonas)
    return team


@pytest.fixture
def lab(team, lea, jonas):
    """Lea and Jonas both sign as qa in Assay; Lea signs as qa_lead there too."""
    for user, role in ((lea, "qa"), (lea, "qa_lead"), (jonas, "qa")):
        RoleGrant.objects.create(user=user, role=role, team=team)
    return team


def bearer(user, scope="write", lifetime=timedelta(hours=1)):
    """An API client with a fresh token of this person."""
    row, token = transitions.create_token(user, by=user, scope=scope, expires_at=timezone.now() + lifetime)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    client.token_row = row
    return client


@pytest.fixture
def as_(db):
    return bearer


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def endpoint(admin, hook, settings):
    """A webhook that leads to `hook`; `plain` is its secret."""
    settings.WEBHOOK_ALLOWED_INTERNAL = LOOPBACK
    settings.SITE_URL = "https://biolabs.example"
    row, row_secret = create_webhook(by=admin, name="ELN", url=f"http://127.0.0.1:{hook.port}/in?x=1")
    row.plain = row_secret
    return row
