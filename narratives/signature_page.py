"""The page of a dossier that prints every signature (21 CFR 11.50): name, meaning, time, and what it stands for."""

from datetime import datetime

from django.utils.html import escape

from approvals.duties import DECISIONS
from approvals.models import ApprovalAction
from approvals.views import for_whom
from ledger.canonical import loads
from portal.text import MONTHS, one_line


def signature_page(frozen):
    """HTML text of a section; decisions that a reset superseded are printed and marked."""
    actions = (
        ApprovalAction.objects.filter(
            stage__ladder=frozen.ladder, created_at__lte=frozen.moment, action_type__in=DECISIONS
        )
        .select_related("signature", "stage")
        .order_by("created_at", "id")
    )
    newest = {action.stage_id: action for action in actions}
    rows = "".join(_row(action, superseded=newest[action.stage_id] != action) for action in actions)
    return (
        '<section id="signatures">\n<h2>Signatures</h2>\n'
        f"<p>Over content digest <code>{escape(frozen.export.content_digest)}</code>, ladder "
        f"{escape(frozen.ladder.name)}. The sealed statements are in approvals.json.</p>\n"
        "<table>\n<thead><tr><th>Stage</th><th>Printed name</th><th>Decision and meaning</th><th>Signed at</th>"
        f"<th>Proved by</th><th>Signature</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</section>\n"
    )


def _row(action, *, superseded):
    said = loads(action.signature.statement)
    name = f"{said['signer']['name']} {for_whom(action)}".strip()
    mark = f"<br><strong>Superseded by a reset; cycle {action.cycle}</strong>" if superseded else ""
    written = "<br>".join(escape(one_line(line)) for line in action.notes.split("\n"))
    notes = f"<br>“{written}”" if action.notes else ""
    proof, signature = said["authentication"], action.signature
    cells = (
        escape(f"{said['stage']['index']}. {said['stage']['name']} ({said['stage']['required_role']})"),
        escape(name),
        f"{escape(action.get_action_type_display())}: {escape(said['meaning']['sentence'])}{notes}{mark}",
        _told(said["signed_at"]),
        escape(proof["method"]) + (f"<br>{_told(proof['at'])}" if proof["at"] else ""),
        f"<code>{escape(signature.digest)}</code><br>key <code>{escape(signature.key_fingerprint[:23])}…</code>",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _told(moment):
    """An RFC 3339 time as people read it; the sealed statement has the microseconds."""
    moment = datetime.fromisoformat(moment)
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment:%Y %H:%M:%S} UTC"
