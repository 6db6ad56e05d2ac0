from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone

from approvals import keys
from biolabs import heartbeat
from ledger import triggers

READY = {"database": "ok", "migrations": "ok", "append_only": "ok", "storage": "ok"}


def test_a_living_process_says_so_without_the_database(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_a_signed_in_visitor_costs_a_probe_no_query(client, django_user_model, django_assert_num_queries, db):
    client.force_login(django_user_model.objects.create_user("ada@example.org", full_name="Ada"))
    with django_assert_num_queries(0):
        assert client.get("/healthz").status_code == 200


def test_a_whole_portal_is_ready(client, db, settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "signing_key.pem"
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": READY,
        "queue": {"status": "never seen", "last_heartbeat": None},
        "signing": {"status": "no key yet", "key": None},
    }
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_a_portal_without_its_triggers_is_not_ready_and_names_them(client):
    triggers.drop(connection)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert "experiments_executionevent_refuse_update" in answer.json()["checks"]["append_only"]
    triggers.install(connection)
    assert client.get("/readyz").status_code == 200


def test_a_portal_that_cannot_write_its_files_is_not_ready(client, db, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(storages["dossiers"], "location", str(tmp_path / "file" / "below"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {**READY, "storage": "failed (NotADirectoryError)"}


def test_waiting_migrations_are_counted(client, db, monkeypatch):
    monkeypatch.setattr("django.db.migrations.executor.MigrationExecutor.migration_plan", lambda *_: ["one", "two"])
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "2 waiting: run manage.py migrate"


def test_the_heartbeat_job_is_what_the_probe_reports(client, db):
    heartbeat.beat()
    answer = client.get("/readyz").json()
    assert answer["queue"]["status"] == "ok"
    assert answer["queue"]["last_heartbeat"].endswith("Z")


def test_a_silent_queue_is_reported_and_leaves_the_portal_in_service(client, db):
    long_ago = timezone.now() - timedelta(seconds=heartbeat.STALE_AFTER_SECONDS + 1)
    cache.set(heartbeat.SHARED, long_ago.isoformat())
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["queue"]["status"] == "stale"


def test_a_heartbeat_survives_a_cache_that_is_away(monkeypatch):
    monkeypatch.setattr(heartbeat.cache, "set", lambda *_, **__: 1 / 0)
    heartbeat.beat()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_only_read(client, db, path):
    assert client.post(path).status_code == 405


def test_the_signing_key_is_told_and_leaves_the_portal_in_service(client, db, settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "signing_key.pem"
    assert client.get("/readyz").json()["signing"] == {"status": "no key yet", "key": None}
    key = keys.current()
    assert client.get("/readyz").json()["signing"] == {"status": "ok", "key": key.fingerprint}
    settings.SIGNING_KEY_FILE.write_text("not a key")
    answer = client.get("/readyz")
    assert answer.json()["signing"] == {"status": "failed (ImproperlyConfigured)", "key": None}
    assert answer.status_code == 200
