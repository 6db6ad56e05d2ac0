from django.core.checks import Tags, Warning, register
from django.db import connections

from ledger import triggers


@register(Tags.database)
def append_only_triggers(app_configs, databases, **kwargs):
    """Names append-only triggers that an altered table lost (run with `check --database default`)."""
    problems = []
    for alias in databases or []:
        absent = triggers.missing(connections[alias])
        if absent:
            problems.append(
                Warning(
                    f"Append-only triggers are missing: {', '.join(sorted(absent))}.",
                    hint="Run `manage.py migrate`; it reinstalls them.",
                    id="ledger.W001",
                )
            )
    return problems
