"""What the application's own role may do on PostgreSQL, where it is not the owner of the tables.

The owner can disable triggers; the second role cannot, and lacks the rights that would rewrite history.
"""

from ledger.triggers import GUARDS


def statements(role):
    """SQL lines for the owner to run after each migrate; running them again changes nothing."""
    role = _quoted(role)
    yield f"GRANT USAGE ON SCHEMA public TO {role};"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};"
    for guard in sorted(GUARDS.values(), key=lambda guard: guard.table):
        refused = (["UPDATE"] if guard.columns is None else []) + (["DELETE"] if guard.deletes else [])
        if refused:
            yield f"REVOKE {', '.join(refused)} ON {_quoted(guard.table)} FROM {role};"
    yield f"REVOKE INSERT, UPDATE, DELETE ON {_quoted('django_migrations')} FROM {role};"


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'
