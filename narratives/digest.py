"""What a signature binds: one SHA-256 over the narrative, every piece of evidence and the ladder (api.md)."""

from ledger.canonical import canonical_text, sha256_text

SCHEMA = "biolabs-content/1"


def evidence_members(position, attachment):
    """What the digest says of one attachment (`label`, `context_text` and `evidence`); `position` counts from 1."""
    evidence = attachment.evidence
    return {
        "position": position,
        "type": evidence.evidence_type,
        "reference_id": str(evidence.reference_id),
        "label": attachment.label,
        "filename": evidence.filename,
        "media_type": evidence.media_type,
        "sha256": evidence.sha256,
        "size": evidence.size,
        "snapshot_sha256": sha256_text(evidence.snapshot_text),
        "context_sha256": sha256_text(attachment.context_text),
    }


def content_statement(
    *,
    execution_id,
    content_sha256,
    event_count,
    timeline_head,
    attachments,
    blueprint_digest,
):
    """The canonical JSON text whose SHA-256 is the content digest; it goes into the dossier as it is."""
    return canonical_text(
        {
            "schema": SCHEMA,
            "execution": f"urn:uuid:{execution_id}",
            "narrative_sha256": content_sha256,
            "event_count": event_count,
            "timeline_head": timeline_head,
            "evidence": [evidence_members(position, each) for position, each in enumerate(attachments, 1)],
            "ladder_sha256": blueprint_digest,
        }
    )


def content_digest(**members):
    """Hex SHA-256 over `content_statement`."""
    return sha256_text(content_statement(**members))


def statement_of(export):
    """The content statement of a stored export, from its frozen rows."""
    return content_statement(
        execution_id=export.execution_id,
        content_sha256=export.content_sha256,
        event_count=export.event_count,
        timeline_head=export.timeline_head,
        attachments=list(export.attachments.select_related("evidence").order_by("position")),
        blueprint_digest=export.ladder.blueprint_digest,
    )
