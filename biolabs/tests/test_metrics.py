from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from biolabs import schedules
from biolabs.models import Worker
from narratives.models import Package
from narratives.tests import packaging_lab as at
from narratives.tests.conftest import lab, stores  # noqa: F401 fixtures

pytestmark = pytest.mark.django_db
TOKEN = "k" * 40


@pytest.fixture
def asking(settings):
    settings.METRICS_TOKEN = TOKEN
    return Client(headers={"Authorization": f"Bearer {TOKEN}"})


def figures(client):
    answer = client.get("/metrics")
    assert (answer.status_code, answer["Cache-Control"].count("no-store")) == (200, 1)
    families = text_string_to_metric_families(answer.content.decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_there_is_nothing_without_a_token(client, settings):
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert client.post("/metrics").status_code == 405


@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer wrong", TOKEN, "Bearer \u00b5"])
def test_a_wrong_token_is_401(asking, sent):
    answer = Client(headers={"Authorization": sent}).get("/metrics")
    assert (answer.status_code, answer["WWW-Authenticate"][:6]) == (401, "Bearer")
    assert b"biolabs_" not in answer.content


@pytest.mark.usefixtures("stores")
def test_the_figures(asking, lab):  # noqa: F811
    now = timezone.now()
    schedules.sync()
    export = at.packaged_export(lab)
    Package.objects.update(integrity_failed_at=now)
    waiting = at.requested_export(lab)
    waiting.ladder.stages.update(due_at=now - timedelta(hours=1))
    Worker.objects.create(host="lab-1", pid=1, started_at=now, seen_at=now, beat_at=now)
    found = figures(asking)
    told = {
        ("packages", "ready"): 1,
        ("packages", "failed"): 0,
        ("dossiers_damaged",): 1,
        ("workers", "idle"): 1,
        ("workers", "gone"): 0,
        ("claims_left_behind",): 0,
        ("stages_open",): 1,
        ("stages_overdue",): 1,
        ("schedules_late",): 0,
    }
    assert {key: found[f"biolabs_{key[0]}", *key[1:]] for key in told} == told
    assert found["biolabs_jobs_queued",] >= 1
    assert str(export.pk) not in str(found)


@pytest.mark.usefixtures("stores")
def test_the_figures_cost_the_same_with_one_worker_and_with_thirty(asking, lab):  # noqa: F811
    def count(number):
        now = timezone.now()
        Worker.objects.create(host=f"lab-{number}", pid=number, started_at=now, seen_at=now)
        with CaptureQueriesContext(connection) as queries:
            figures(asking)
        return len(queries)

    assert len({count(number) for number in range(1, 31)}) == 1
