import io

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from ledger import triggers
from ledger.errors import TransitionDenied
from ledger.models import Checkpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def checkpoint():
    return Checkpoint.objects.create(chain="timeline urn:uuid:x", sequence=1, head="0" * 64)


def test_a_stored_record_is_not_saved_again(checkpoint):
    checkpoint.head = "1" * 64
    with pytest.raises(TransitionDenied):
        checkpoint.save()
    checkpoint.refresh_from_db()
    assert checkpoint.head == "0" * 64


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda rows: rows.update(head="1" * 64),
        lambda rows: rows.delete(),
        lambda rows: rows.bulk_update(list(rows), ["head"]),
        lambda rows: rows.bulk_create(list(rows), update_conflicts=True, update_fields=["head"], unique_fields=["id"]),
        lambda rows: rows.get().delete(),
    ],
)
def test_no_queryset_method_rewrites_a_record(checkpoint, rewrite):
    with pytest.raises(TransitionDenied):
        rewrite(Checkpoint.objects.all())
    assert Checkpoint.objects.get().head == "0" * 64


@pytest.mark.parametrize("sql", ["UPDATE {t} SET head = 'x'", "DELETE FROM {t}"])
def test_the_database_itself_refuses(checkpoint, sql):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(t=Checkpoint._meta.db_table))
    assert Checkpoint.objects.get().head == "0" * 64


def test_replace_does_not_slip_past_the_delete_trigger(checkpoint):
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    table = Checkpoint._meta.db_table
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT OR REPLACE INTO {table} SELECT id, chain, sequence, 'x', recorded_at FROM {table}")


def test_truncate_is_refused(checkpoint):
    if connection.vendor != "postgresql":
        pytest.skip("TRUNCATE is PostgreSQL's")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {Checkpoint._meta.db_table}")


def test_a_lost_trigger_is_listed_and_put_back():
    name = triggers.GUARDS["ledger.Checkpoint"].names()["update"]
    table = Checkpoint._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TRIGGER "{name}"' + (f" ON {table}" if connection.vendor == "postgresql" else ""))
    assert triggers.missing(connection) == {name}
    with pytest.raises(CommandError, match=name):
        call_command("verify_ledger")
    assert triggers.install(connection) == [name]
    assert triggers.missing(connection) == set()


def test_a_published_head_that_no_longer_fits_fails_verification(tmp_path):
    heads = tmp_path / "heads.jsonl"
    heads.write_text(
        '{"chain": "timeline urn:uuid:11111111-1111-4111-8111-111111111111", "sequence": 1, "head": "00"}\n'
    )
    with pytest.raises(CommandError, match="differs from the head published earlier"):
        call_command("verify_ledger", against=str(heads), stderr=io.StringIO())
