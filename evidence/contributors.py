"""Whose evidence an export carries."""

from accounts.models import User
from evidence.enums import EvidenceType
from evidence.models import NotebookRevision, StoredFile
from experiments.models import ExecutionEvent


def contributors(resolved):
    """The people who uploaded the files, wrote the notebook entries and recorded the events of resolved attachments.

    A list of Users without the system user; four queries however many attachments.
    """
    wanted = {}
    for each in resolved:
        wanted.setdefault(_table(each.evidence.evidence_type), []).append(each.evidence.reference_id)
    files = StoredFile.objects.filter(pk__in=wanted.get("files", ())).values_list("uploaded_by", flat=True)
    entries = NotebookRevision.objects.filter(entry__in=wanted.get("entries", ())).values_list("edited_by", flat=True)
    events = ExecutionEvent.objects.filter(pk__in=wanted.get("events", ())).values_list("actor", flat=True)
    people = {*files, *entries, *events}
    return list(User.objects.people().filter(pk__in=people)) if people else []


def _table(evidence_type):
    return {EvidenceType.FILE: "files", EvidenceType.NOTEBOOK_ENTRY: "entries"}.get(evidence_type, "events")
