"""People, a run and its evidence."""

import pytest
from django.utils import timezone

from accounts.models import Membership, RoleGrant, Team, User
from experiments.models import Execution, Protocol
from experiments.timeline import locked_timeline

PASSWORD = "a lab password 12"


@pytest.fixture
def lab(db):
    """One team with a requester, two approvers with roles, and a stranger of another team."""
    return make_lab()


class Lab:
    pass


def make_lab():
    found = Lab()
    found.team, found.other_team = Team.objects.create(name="Assay"), Team.objects.create(name="Stability")
    people = {"jonas": "Jonas Ortega", "mira": "Mira Kessler", "lea": "Lea Novak", "sam": "Samir Aoki", "ada": "Ada Ng"}
    for name, full_name in people.items():
        user = User.objects.create_user(f"{name}@lab.example", PASSWORD, full_name=full_name)
        setattr(found, name, user)
    found.ada.is_admin = True
    found.ada.save()
    Membership.objects.create(team=found.team, user=found.jonas)
    Membership.objects.create(team=found.other_team, user=found.sam)
    for user, role in ((found.mira, "qa"), (found.lea, "approver"), (found.mira, "approver")):
        RoleGrant.objects.create(user=user, role=role, team=found.team)
    found.protocol = Protocol.objects.create(
        name="RT-qPCR N1", content="Mix\nRun", version="2.1", team=found.team, created_by=found.jonas
    )
    found.execution = make_execution(found, "SARS-CoV-2 N1 assay validation")
    record(found, "qc.plate_read", {"summary": "Cq 24.1 to 31.8", "readings": [{"value": 24.1}, {"value": 31.8}]})
    record(found, "note.observation", {"text": "Well C7 re-pipetted"})
    return found


def make_execution(lab, title, **fields):
    return Execution.objects.create(
        protocol=lab.protocol,
        protocol_name=lab.protocol.name,
        protocol_version=lab.protocol.version,
        title=title,
        run_by=lab.jonas,
        run_by_name=lab.jonas.printed_name,
        created_at=fields.pop("created_at", timezone.now()),
        **fields,
    )


def record(lab, event_type, payload, execution=None):
    with locked_timeline((execution or lab.execution).pk) as timeline:
        return timeline.record(event_type, by=lab.jonas, payload=payload)


@pytest.fixture
def stores(settings, tmp_path):
    """Evidence and dossiers in folders of this test; answers the folder of both."""
    for name in ("evidence", "dossiers"):
        (tmp_path / name).mkdir()
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {
        name: {"BACKEND": backend, "OPTIONS": {"location": tmp_path / name, "base_url": None}}
        for name in ("evidence", "dossiers")
    }
    return tmp_path
