"""A small laboratory: a runner, a teammate, a stranger, an administrator, and one protocol of three steps."""

import pytest

from accounts.models import Membership, Team, User
from experiments.transitions import start_execution
from experiments.transitions_stock import create_protocol

STEPS = "Thaw the primers\n\nDispense 15 µL per well\nRun the plate\n"


def person(name, **fields):
    return User.objects.create_user(f"{name}@example.org", "Correct-horse-1", full_name=name.title(), **fields)


@pytest.fixture
def team(db):
    return Team.objects.create(name="Assay")


@pytest.fixture
def miles(team):
    user = person("miles")
    Membership.objects.create(team=team, user=user)
    return user


@pytest.fixture
def mate(team):
    user = person("mate")
    Membership.objects.create(team=team, user=user)
    return user


@pytest.fixture
def stan(db):
    user = person("stan")
    Membership.objects.create(team=Team.objects.create(name="Elsewhere"), user=user)
    return user


@pytest.fixture
def admin(db):
    return person("ada", is_admin=True, is_staff=True, is_superuser=True)


@pytest.fixture
def protocol(miles, team):
    return create_protocol(by=miles, name="RT-qPCR", content=STEPS, version="2.1", team_id=team.pk)


@pytest.fixture
def run(protocol, miles):
    return start_execution(protocol, by=miles, title="Plate 3")
