from datetime import timedelta

import pytest
from django.contrib import admin
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import Failure, OrmQ, Schedule, Success

from biolabs import schedules, watchdog
from biolabs.broker import HEARTBEAT, Broker

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_a_schedule_names_a_function_that_is_there(name):
    assert callable(import_string(schedules.SCHEDULES[name].function))


def test_the_table_in_code_becomes_the_queues_table():
    schedules.sync()
    assert {row.name: (row.func, row.minutes, row.repeats) for row in Schedule.objects.all()} == {
        name: (job.function, job.minutes, -1) for name, job in schedules.SCHEDULES.items()
    }


def test_a_foreign_row_is_removed():
    Schedule.objects.create(name="mine", func="os.system", args="'true'")
    schedules.sync()
    assert set(Schedule.objects.values_list("name", flat=True)) == set(schedules.SCHEDULES)


def test_a_row_that_was_changed_is_put_right():
    schedules.sync()
    name = next(iter(schedules.SCHEDULES))
    Schedule.objects.filter(name=name).update(func="os.system", args="'true'", minutes=5)
    schedules.sync()
    row = Schedule.objects.get(name=name)
    assert (row.func, row.args, row.minutes) == (
        schedules.SCHEDULES[name].function,
        None,
        schedules.SCHEDULES[name].minutes,
    )


def test_a_doubled_row_becomes_one():
    schedules.sync()
    twin = Schedule.objects.first()
    twin.pk = None
    twin.save()
    schedules.sync()
    assert Schedule.objects.count() == len(schedules.SCHEDULES)


def test_a_running_period_is_not_started_anew():
    schedules.sync()
    later = timezone.now() + timedelta(hours=3)
    Schedule.objects.update(next_run=later)
    schedules.sync()
    assert set(Schedule.objects.values_list("next_run", flat=True)) == {later}


def test_jobs_for_the_start_are_enqueued():
    schedules.start_jobs()
    assert [row.func() for row in OrmQ.objects.all()] == [
        job.function for job in schedules.SCHEDULES.values() if job.at_start
    ]


def test_rows_of_a_cluster_that_is_gone_are_free_again():
    later = timezone.now() + timedelta(minutes=40)
    held, others, waiting = (
        OrmQ.objects.create(key="biolabs", payload="", lock=lock) for lock in (later, later, timezone.now())
    )
    assert watchdog.hand_back({held.pk, waiting.pk, 10_000}) == 1
    held.refresh_from_db()
    others.refresh_from_db()
    assert held.lock <= timezone.now()
    assert others.lock == later


def test_a_cluster_that_nobody_watches_takes_no_heartbeats(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert Broker().dequeue() is None


def test_a_watched_cluster_gets_a_heartbeat_first_and_leaves_signs(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOLABS_WORKER_FOLDER", str(tmp_path))
    row = OrmQ.objects.create(key="biolabs", payload="job", lock=timezone.now() - timedelta(seconds=1))
    broker = Broker()
    assert [job for job, _ in broker.dequeue()] == [HEARTBEAT]
    assert broker.dequeue() == [(row.pk, "job")]
    assert (tmp_path / "taken").read_text() == f"{row.pk}\n"
    broker.acknowledge(HEARTBEAT)
    assert float((tmp_path / "beat").read_text()) > 0
    assert OrmQ.objects.count() == 1


@pytest.mark.parametrize("model", [Schedule, Success, Failure, OrmQ])
def test_the_queues_tables_are_not_in_the_admin(model):
    assert not admin.site.is_registered(model)
