"""Database triggers that refuse to rewrite records, on SQLite and PostgreSQL.

A model joins by `append_only(Model)` (no UPDATE, no DELETE) or `frozen(Model, fields)` (these columns never
change, no DELETE). SQLite drops triggers when a table is altered, so they are reinstalled after every migrate;
a system check and the readiness probe list what is missing.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from django.apps import apps
from django.db import connections

MESSAGE = "append-only: this row cannot be changed or deleted"
_PG_FUNCTION = "biolabs_refuse_rewrite"


@dataclass(frozen=True)
class Guard:
    """What a table refuses. `columns` None: every UPDATE; else UPDATEs that change one of these columns."""

    label: str
    columns: tuple | None
    deletes: bool = True

    @property
    def table(self):
        return apps.get_model(self.label)._meta.db_table

    def names(self):
        verbs = ["update"] + (["delete", "truncate"] if self.deletes else [])
        return {verb: f"{self.table}_refuse_{verb}"[:60] for verb in verbs}


GUARDS = {}


def append_only(*models):
    """Refuse every UPDATE and DELETE on these models' tables."""
    for model in models:
        GUARDS[model._meta.label] = Guard(model._meta.label, None)


def frozen(model, fields, *, deletes=True):
    """Refuse UPDATEs that change one of `fields` (model field names) and, with `deletes`, every DELETE."""
    columns = tuple(model._meta.get_field(field).column for field in fields)
    GUARDS[model._meta.label] = Guard(model._meta.label, columns, deletes)


def install_after_migrate(sender, using="default", **kwargs):
    # Fires once per app; the work is idempotent and only needed once tables exist.
    install(connections[using])


def install(connection):
    """Create what is missing; answers the names created."""
    absent = missing(connection)
    if not absent:
        return []
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_pg_function())
        for guard in GUARDS.values():
            if guard.table in tables:
                for verb, name in guard.names().items():
                    if name in absent:
                        cursor.execute(_create(connection, guard, verb, name))
    return sorted(absent - missing(connection))


def missing(connection):
    """Names of triggers that should be there and are not (an empty set is healthy)."""
    return expected(connection) - _present(connection)


def expected(connection):
    """Names of every trigger this deployment needs."""
    wanted = set()
    for guard in GUARDS.values():
        names = guard.names()
        if connection.vendor != "postgresql":
            names.pop("truncate", None)
        wanted |= set(names.values())
    return wanted


def _present(connection):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A disabled trigger ('D') protects nothing.
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}


@contextmanager
def suspended(connection):
    """Drop the triggers for a test database's flush and put them back. Never used by the application."""
    drop(connection)
    try:
        yield
    finally:
        install(connection)


def drop(connection):
    with connection.cursor() as cursor:
        present = _present(connection)
        for guard in GUARDS.values():
            for name in guard.names().values():
                if name in present:
                    on = f' ON "{guard.table}"' if connection.vendor == "postgresql" else ""
                    cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"{on}')


def _pg_function():
    # Class 23 (integrity constraint violation), so that Django raises IntegrityError.
    return (
        f"CREATE OR REPLACE FUNCTION {_PG_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '{MESSAGE} (%)', TG_TABLE_NAME USING ERRCODE = '23001'; END $$"
    )


def _create(connection, guard, verb, name):
    if connection.vendor == "postgresql":
        return _pg_trigger(guard, verb, name)
    changed = _changed(guard, "IS NOT") if verb == "update" else ""
    when = f" WHEN {changed}" if changed else ""
    return (
        f'CREATE TRIGGER IF NOT EXISTS "{name}" BEFORE {verb.upper()} ON "{guard.table}"{when} '
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    )


def _pg_trigger(guard, verb, name):
    run = f"EXECUTE FUNCTION {_PG_FUNCTION}()"
    if verb == "truncate":
        return f'CREATE TRIGGER "{name}" BEFORE TRUNCATE ON "{guard.table}" FOR EACH STATEMENT {run}'
    changed = _changed(guard, "IS DISTINCT FROM") if verb == "update" else ""
    when = f" WHEN ({changed})" if changed else ""
    return f'CREATE TRIGGER "{name}" BEFORE {verb.upper()} ON "{guard.table}" FOR EACH ROW{when} {run}'


def _changed(guard, differs):
    return " OR ".join(f'OLD."{column}" {differs} NEW."{column}"' for column in guard.columns or ())
