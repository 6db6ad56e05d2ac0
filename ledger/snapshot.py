"""One moment of the whole database, for reads that must agree with each other while the portal goes on writing."""

from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_moment():
    """Everything read inside is as it stood at the first read; nothing can be written inside, and nobody waits for it.

    Inside a transaction already begun, that one's own view stands.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            # Not atomic(): that would begin IMMEDIATE and keep everybody else from writing.
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
