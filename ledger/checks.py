from django.core import checks
from django.db import connections

from ledger import triggers


@checks.register(checks.Tags.database)
def append_only_triggers(app_configs, databases, **kwargs):
    """Names append-only triggers that an altered table lost (run with `check --database default`)."""
    problems = []
    for alias in databases or []:
        absent = triggers.missing(connections[alias])
        if absent:
            problems.append(
                checks.Warning(
                    f"Append-only triggers are missing: {', '.join(sorted(absent))}.",
                    hint="Run `manage.py migrate`; it reinstalls them.",
                    id="ledger.W001",
                )
            )
    return problems
