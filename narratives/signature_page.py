"""The page of a dossier that prints every signature (21 CFR 11.50): name, meaning, time, and what it stands for."""

from django.utils.html import escape

from approvals.duties import DECISIONS
from approvals.models import ApprovalAction
from approvals.views import for_whom
from ledger.canonical import loads


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
    notes = f"<br>“{escape(action.notes)}”" if action.notes else ""
    proof = f"{said['authentication']['method']}, {said['authentication']['at']}"
    cells = (
        escape(f"{said['stage']['index']}. {said['stage']['name']} ({said['stage']['required_role']})"),
        escape(name),
        f"{escape(action.get_action_type_display())}: {escape(said['meaning']['sentence'])}{notes}{mark}",
        escape(said["signed_at"]),
        escape(proof),
        f"<code>{escape(action.signature.digest)}</code>",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
