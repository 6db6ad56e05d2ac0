"""What the notebook adds to a run's session, and the page a new run begins with (docs/adr/0007)."""

from evidence.models import NotebookEntry
from evidence.transitions import create_notebook_entry
from portal.text import escape_markdown


def notebook_entries(executions, viewer):
    """The entries of these runs by execution id, newest first, without their content: one query."""
    entries = NotebookEntry.objects.filter(execution__in=[execution.pk for execution in executions])
    found = {}
    for entry in entries.select_related("created_by").defer("content"):
        found.setdefault(entry.execution_id, []).append(
            {
                "id": str(entry.pk),
                "title": entry.title,
                "revision": entry.revision,
                "created_by": {
                    "id": str(entry.created_by_id),
                    "email": entry.created_by.email,
                    "full_name": entry.created_by.full_name,
                },
                "created_at": entry.created_at,
                "updated_at": entry.updated_at,
            }
        )
    return found


def open_notebook(timeline, *, by):
    """The page a new run begins with."""
    execution = timeline.execution
    protocol = f"{execution.protocol_name}, version {execution.protocol_version}"
    content = f"Protocol: {escape_markdown(protocol)}\n\n## Preparation\n\n## Observations\n\n## Deviations\n"
    create_notebook_entry(by=by, title=f"Notebook: {execution.title}"[:200], content=content, execution=execution)
