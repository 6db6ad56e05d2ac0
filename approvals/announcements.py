"""What other systems are told about a ladder: identifiers, titles and times, nothing that people wrote."""

from accounts.webhooks import tell
from ledger.canonical import rfc3339


def announce_stage(kind, stage, *, path):
    about = {
        "stage_id": str(stage.pk),
        "stage": stage.name,
        "stage_index": stage.sequence_index,
        "role": stage.required_role,
        "due_at": rfc3339(stage.due_at) if stage.due_at else None,
    }
    _announce(kind, stage.ladder, about, path)


def announce_outcome(kind, ladder, *, path):
    _announce(kind, ladder, {}, path)


def _announce(kind, ladder, about, path):
    subject = {key: ladder.subject[key] for key in ("kind", "id", "version") if key in ladder.subject}
    facts = {
        "ladder_id": str(ladder.pk),
        "execution_id": str(ladder.execution_id),
        "subject": subject,
        "title": ladder.title,
        "cycle": ladder.cycle,
        "path": path,
    }
    tell(kind, facts | about, team_id=ladder.execution.team_id)
