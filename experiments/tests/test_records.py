"""The database itself refuses to rewrite history, and `verify_ledger` finds who did it all the same."""

import io
import json
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from experiments.models import Execution, ExecutionEvent
from experiments.tests.recorded import assert_chain, assert_recorded, events_of
from experiments.transitions import append_events
from ledger import triggers
from ledger.errors import TransitionDenied

POSTGRESQL = connection.vendor == "postgresql"
TABLE = "experiments_executionevent"
REWRITES = [
    f"UPDATE {TABLE} SET actor_name = 'Somebody else'",
    f"UPDATE {TABLE} SET body = body",
    f"DELETE FROM {TABLE}",
]
REWRITES += [f"TRUNCATE {TABLE} CASCADE"] if POSTGRESQL else [f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM {TABLE}"]


@pytest.mark.parametrize("statement", REWRITES)
def test_sql_cannot_rewrite_an_event(run, statement):
    before = list(ExecutionEvent.objects.values())
    connection.check_constraints()  # PostgreSQL truncates nothing while foreign keys wait to be checked
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(ExecutionEvent.objects.values()) == before
    assert_recorded(run, "session.created")


def test_the_models_refuse_too(run):
    event = ExecutionEvent.objects.get()
    for rewrite in (event.save, event.delete, ExecutionEvent.objects.all().delete):
        with pytest.raises(TransitionDenied):
            rewrite()
    with pytest.raises((TransitionDenied, DatabaseError)), transaction.atomic():
        run.delete()


DAMAGE = {
    "another name": ("actor_name = 'Somebody'", "actor"),
    "another type": ("event_type = 'note.y'", "type"),
    "another text": ("body = '{}'", "changed after it was sealed"),
    "another number": ("sequence = 99", "sequence"),
    "another link": (f"previous_hash = '{'0' * 64}'", "does not link"),
}


@pytest.mark.parametrize(("change", "said"), DAMAGE.values(), ids=DAMAGE)
def test_verify_ledger_names_the_first_damaged_row(run, miles, change, said):
    append_events(run.pk, [{"event_type": "note.x", "payload": {"n": n}} for n in range(5)], by=miles)
    third = events_of(run)[2]
    with triggers.suspended(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET {change} WHERE hash = %s", [third.hash])
    told = verdict()
    assert said in told
    assert str(run.pk) in told


def test_verify_ledger_misses_a_removed_last_row(run, miles):
    append_events(run.pk, [{"event_type": "note.x", "payload": {}}], by=miles)
    with triggers.suspended(connection), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE} WHERE sequence = 2")
    assert "2 rows expected, 1 found" in verdict()


def verdict():
    """What `verify_ledger` says; it must fail."""
    out = io.StringIO()
    with pytest.raises((CommandError, SystemExit)) as caught:
        call_command("verify_ledger", stdout=out, stderr=out)
    return out.getvalue() + str(caught.value)


def test_verify_ledger_finds_nothing_where_nothing_is(run, miles):
    append_events(run.pk, [{"event_type": "note.x", "payload": {}}], by=miles)
    call_command("verify_ledger", stdout=io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_eight_processes_append_to_one_timeline_without_gaps(run, miles):
    kept = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    database = {name: connection.settings_dict[name] for name in kept}
    database["NAME"] = str(database["NAME"])
    orders = {"database": database, "execution": str(run.pk), "user": str(miles.pk), "batches": 10}
    command = [sys.executable, "-m", "experiments.tests.appender"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "biolabs.settings"}
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for process in processes:
        process.stdin.write(json.dumps(orders))
        process.stdin.close()
    said = [process.stderr.read() for process in processes]
    assert [process.wait(120) for process in processes] == [0] * 8, said
    for process in processes:
        process.stderr.close()
    rows = events_of(run)
    assert [row.sequence for row in rows] == list(range(1, 242))
    assert Execution.objects.get(pk=run.pk).event_count == 241
    assert len({row.payload["pid"] for row in rows[1:]}) == 8
    assert_chain(run)
