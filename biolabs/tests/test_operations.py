"""The operators' page: workers on every host, claims, schedules, damage."""

import os
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import Schedule, Task

from accounts.models import RoleGrant
from biolabs import schedules, workers
from biolabs.models import Worker
from biolabs.signs import Signs
from narratives.models import Package
from narratives.tests import packaging_lab as at
from narratives.tests.conftest import lab, stores  # noqa: F401 fixtures

pytestmark = pytest.mark.django_db
NOW = timezone.now()
PACKAGING = "narratives.tasks.package_export"


def worker(host="lab-1", **facts):
    return Worker.objects.create(
        **{"host": host, "pid": 4711, "started_at": NOW, "seen_at": NOW, "beat_at": NOW} | facts
    )


def seen(now=NOW):
    return workers.seen_by_operators(names=schedules.names(), now=now)


def page(user, query=""):
    client = Client()
    client.force_login(user)
    return client.get(f"/operations/{query}")


# --- Who sees it ---


@pytest.mark.usefixtures("stores")
def test_operators_and_administrators_see_it_others_do_not(lab):  # noqa: F811
    RoleGrant.objects.create(user=lab.mira, role="operator")
    assert [page(user).status_code for user in (lab.ada, lab.mira, lab.jonas, lab.sam)] == [200, 200, 403, 403]
    assert Client().get("/operations/").status_code == 302


# --- Workers ---


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "idle"),
        ({"beat_at": None}, "starting"),
        ({"beat_at": NOW - timedelta(minutes=2)}, "silent"),
        ({"beat_at": None, "jobs": [{"pid": 1, "job": "x", "since": NOW.isoformat()}]}, "busy"),
        ({"seen_at": NOW - timedelta(minutes=2), "jobs": [{"pid": 1, "job": "x", "since": NOW.isoformat()}]}, "gone"),
    ],
)
def test_the_state_of_a_worker(facts, state):
    worker(**facts)
    assert [each.state for each in seen()[0]] == [state]


@pytest.mark.usefixtures("stores")
def test_two_hosts_with_the_same_process_numbers_are_two_workers_with_their_own_claims(lab):  # noqa: F811
    export = at.approved_export(lab)
    Package.objects.update(status="processing", owner="lab-2:902", lease_until=NOW + timedelta(minutes=1))
    jobs = [{"pid": 902, "job": PACKAGING, "since": NOW.isoformat()}]
    for host in ("lab-1", "lab-2"):
        worker(host, jobs=jobs)
    found, unheld = seen()
    held = {each.row.host: [job.package and job.package.export_id for job in each.jobs] for each in found}
    assert held == {"lab-1": [None], "lab-2": [export.pk]}
    assert unheld == []
    assert "lab-2" in page(lab.ada).content.decode()


@pytest.mark.usefixtures("stores")
def test_the_claim_of_a_worker_that_is_gone_is_held_by_nobody(lab):  # noqa: F811
    export = at.approved_export(lab)
    Package.objects.update(status="processing", owner="lab-2:902", lease_until=NOW + timedelta(minutes=1))
    worker("lab-2", seen_at=NOW - timedelta(hours=1), jobs=[{"pid": 902, "job": PACKAGING, "since": NOW.isoformat()}])
    assert [package.export_id for package in seen()[1]] == [export.pk]
    assert "Left behind" in page(lab.ada).content.decode()


def test_a_worker_unseen_for_a_day_is_not_shown():
    worker(seen_at=NOW - timedelta(hours=25))
    assert seen() == ([], [])


def test_a_worker_tells_of_itself_and_leaves_nothing_behind(tmp_path):
    signs = Signs(tmp_path)
    teller = workers.Teller(signs)
    signs.beat()
    signs.begin_job("accounts.tasks.sweep_emails")
    teller.tell()
    signs.end_job()
    teller.tell()  # too soon
    row = Worker.objects.get()
    assert (row.host, row.pid, row.restarts) == (teller.row.host, os.getpid(), 0)
    assert [(job["pid"], job["job"]) for job in row.jobs] == [(os.getpid(), "accounts.tasks.sweep_emails")]
    assert row.beat_at is not None
    teller.cluster_ended("no sign of life for 30 seconds")
    teller.tell()
    row.refresh_from_db()
    assert (row.jobs, row.restarts, row.restarted_because) == ([], 1, "no sign of life for 30 seconds")
    teller.leave()
    assert not Worker.objects.exists()


def test_the_heartbeat_is_no_job(tmp_path):
    signs = Signs(tmp_path)
    signs.begin_job("biolabs.heartbeat.beat")
    assert signs.jobs() == []
    assert signs.somebody_works(within=60)


def test_the_first_word_of_a_worker_drops_what_died_on_its_host_and_what_is_old(tmp_path):
    teller = workers.Teller(Signs(tmp_path))
    host, gone = teller.row.host, 2**22 + 1  # no process has this number
    dead, same_number = worker(host, pid=gone), worker(host, pid=os.getpid())
    old, elsewhere = worker("lab-2", seen_at=NOW - timedelta(days=2)), worker("lab-3", pid=gone)
    alive = worker(host, pid=os.getppid())
    teller.tell()
    kept = set(Worker.objects.values_list("pk", flat=True))
    assert kept == {teller.row.pk, elsewhere.pk, alive.pk}
    assert not kept & {dead.pk, same_number.pk, old.pk}


def test_a_database_that_is_away_does_not_stop_the_watchdog(tmp_path, monkeypatch):
    def away(*_, **__):
        raise workers.DatabaseError("the database is away")

    monkeypatch.setattr(Worker, "save", away)
    workers.Teller(Signs(tmp_path)).tell()


# --- Schedules ---


def by_name():
    return {each.name: each for each in schedules.by_the_clock(now=NOW)}


def test_a_schedule_that_nobody_carries_out_is_late():
    schedules.sync()
    Schedule.objects.update(next_run=NOW + timedelta(minutes=1), task="x")
    name, another, missing = list(schedules.SCHEDULES)[:3]
    Schedule.objects.filter(name=name).update(next_run=NOW - timedelta(minutes=3))
    Schedule.objects.filter(name=missing).delete()
    found = by_name()
    assert [found[each].is_late for each in (name, another, missing)] == [True, False, True]
    assert found[another].last_run == NOW
    assert found[missing].next_run is None


def test_a_schedule_shows_its_last_failure_until_it_runs_well_again():
    schedules.sync()
    name, job = next(iter(schedules.SCHEDULES.items()))

    def ended(minutes_ago, *, success):
        at_ = NOW - timedelta(minutes=minutes_ago)
        Task.objects.create(id=f"{minutes_ago}", name="x", func=job.function, started=at_, stopped=at_, success=success)

    assert (by_name()[name].last_run, by_name()[name].failed_at) == (None, None)
    ended(9, success=False)
    assert by_name()[name].failed_at == NOW - timedelta(minutes=9)
    ended(5, success=True)
    assert (by_name()[name].last_run, by_name()[name].failed_at) == (NOW - timedelta(minutes=5), None)


# --- The page ---


@pytest.mark.usefixtures("stores")
def test_damage_is_told_on_top_and_can_be_filtered(lab):  # noqa: F811
    at.packaged_export(lab)
    assert "damaged and not handed out" not in page(lab.ada).content.decode()
    assert page(lab.ada, "?status=damaged").context["page"].items == []
    Package.objects.update(integrity_failed_at=NOW)
    assert "1 stored dossier is damaged and not handed out" in page(lab.ada).content.decode()
    assert len(page(lab.ada, "?status=damaged").context["page"].items) == 1


@pytest.mark.usefixtures("stores")
def test_the_page_says_when_nobody_works(lab):  # noqa: F811
    assert "No worker is at work" in page(lab.ada).content.decode()
    worker(seen_at=timezone.now(), beat_at=timezone.now())
    assert "No worker is at work" not in page(lab.ada).content.decode()


@pytest.mark.usefixtures("stores")
def test_the_page_asks_the_same_with_one_worker_and_with_thirty(lab):  # noqa: F811
    export = at.approved_export(lab)
    schedules.sync()

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert page(lab.ada).status_code == 200
        return len(queries)

    def hold(number):
        jobs = [{"pid": number, "job": PACKAGING, "since": NOW.isoformat()}]
        worker(f"lab-{number}", jobs=jobs, seen_at=timezone.now())
        claim = {"status": "processing", "owner": f"lab-{number}:{number}", "lease_until": NOW}
        Package.objects.create(export=export, cycle=number + 1, queued_at=NOW, **claim)

    hold(1)
    one = count()
    for number in range(2, 31):
        hold(number)
    assert count() == one


def test_signs_written_before_a_job_had_a_name_are_understood(tmp_path):
    (tmp_path / f"busy-{os.getpid()}").write_text(repr(time.monotonic()))
    assert Signs(tmp_path).somebody_works(within=60)
    assert Signs(tmp_path).jobs() == []
