"""Requesting an export: read, render and resolve first; then lock, freeze and open the ladder."""

import uuid
from dataclasses import dataclass

from django.db.models import Max
from django.utils import timezone

from approvals.transitions import check_blueprint_people, open_ladder
from evidence.kinds import freeze, resolve_attachments
from experiments.events import Event
from experiments.models import Execution
from experiments.timeline import chain_id, locked_timeline
from governance.blueprint import DEFAULT_LADDER, LadderBlueprint
from ledger.canonical import canonical_text, plain, sha256_text
from ledger.chain import genesis
from ledger.errors import Invalid
from narratives.digest import content_digest
from narratives.models import ExportAttachment, NarrativeExport
from narratives.rendering import render_narrative, timeline_rows
from portal.text import clean_text

MAX_NOTES = 10_000
MAX_METADATA = 64 * 1024


@dataclass(frozen=True)
class Draft:
    """Everything an export will hold, worked out without a transaction; nothing is written yet."""

    execution: Execution
    content: str
    content_sha256: str
    content_digest: str
    timeline_head: str
    generated_at: object
    resolved: list
    blueprint: LadderBlueprint
    notes: str
    metadata: dict


def request_export(
    execution_id, *, by, attachments=(), notes="", metadata=None, blueprint=DEFAULT_LADDER, written=None
):
    """Freeze a run's narrative, evidence and ladder as its next version, and start the ladder.

    `attachments` is the request's list (api.md, "Narrative exports"). Raises Execution.DoesNotExist for a run
    the requester does not see, and Invalid with the fields that do not fit; then nothing is written.
    `written(export)` is called inside the transaction.
    """
    draft = draft_export(
        execution_id,
        by=by,
        attachments=attachments,
        notes=notes,
        metadata=metadata,
        blueprint=blueprint,
    )
    return create_export(draft, by=by, written=written)


def draft_export(
    execution_id,
    *,
    by,
    attachments=(),
    notes="",
    metadata=None,
    blueprint=DEFAULT_LADDER,
):
    """The Draft of an export: events up to the run's count at this moment; later ones belong to the next version."""
    execution = Execution.objects.visible_to(by).select_related("protocol", "run_by").get(pk=execution_id)
    now = timezone.now()
    notes = clean_text(notes or "", "notes", MAX_NOTES, required=False)
    metadata = clean_metadata(metadata)
    check_blueprint_people(blueprint, team_id=execution.team_id, requester=by, now=now)
    resolved = resolve_attachments(execution, list(attachments or ()), by=by)
    content = render_narrative(execution, timeline_rows(execution.pk, upto=execution.event_count), resolved)
    content_sha256 = sha256_text(content)
    head = execution.head_hash or genesis(chain_id(execution.pk))
    return Draft(
        execution=execution,
        content=content,
        content_sha256=content_sha256,
        content_digest=content_digest(
            execution_id=execution.pk,
            content_sha256=content_sha256,
            event_count=execution.event_count,
            timeline_head=head,
            attachments=resolved,
            blueprint_digest=blueprint.digest(),
        ),
        timeline_head=head,
        generated_at=now,
        resolved=resolved,
        blueprint=blueprint,
        notes=notes,
        metadata=metadata,
    )


def create_export(draft, *, by, written=None):
    """Write a Draft as the run's next version under the run's lock, and start its ladder.

    `written(export)` is called inside the transaction (`accounts.idempotency`).
    """
    with locked_timeline(draft.execution.pk) as timeline:
        # Lock before counting: two requesters would otherwise both become version 4.
        newest = NarrativeExport.objects.filter(execution=timeline.execution).aggregate(number=Max("version"))["number"]
        export_id, version = uuid.uuid4(), (newest or 0) + 1
        frozen = freeze(draft.resolved)
        timeline.record(
            Event.EXPORT_CREATED,
            by=by,
            export_id=str(export_id),
            version=version,
            content_digest=draft.content_digest,
            event_count=draft.execution.event_count,
            attachment_count=len(frozen),
            stage_count=len(draft.blueprint.stages),
            notes=draft.notes,
        )
        ladder = open_ladder(
            timeline,
            blueprint=draft.blueprint,
            subject=_subject(export_id, version, timeline.execution),
            title=f"{timeline.execution.title} · v{version}",
            content_digest=draft.content_digest,
            by=by,
        )
        export = NarrativeExport.objects.create(
            id=export_id,
            execution=timeline.execution,
            version=version,
            content=draft.content,
            content_sha256=draft.content_sha256,
            content_digest=draft.content_digest,
            event_count=draft.execution.event_count,
            timeline_head=draft.timeline_head,
            generated_at=draft.generated_at,
            ladder=ladder,
            requested_by=by,
            requested_by_name=by.printed_name,
            notes=draft.notes,
            metadata=draft.metadata,
            created_at=timeline.now,
            updated_at=timeline.now,
        )
        ExportAttachment.objects.bulk_create(
            ExportAttachment(
                export=export,
                position=position,
                evidence=evidence,
                label=each.label,
                context_text=each.context_text,
                created_at=timeline.now,
            )
            for position, (each, evidence) in enumerate(zip(draft.resolved, frozen, strict=True), 1)
        )
        if written is not None:
            written(export)
    return export


def _subject(export_id, version, execution):
    return {
        "kind": "narrative_export",
        "id": str(export_id),
        "version": version,
        "execution": chain_id(execution.pk),
    }


def clean_metadata(metadata):
    """A JSON object of 64 KiB at most, made of plain values; None counts as empty."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise Invalid.field("metadata", "Metadata must be an object.")
    try:
        text = canonical_text(metadata)
    except Invalid as refusal:
        raise Invalid.field("metadata", refusal.sentence, refusal.code) from refusal
    if len(text.encode()) > MAX_METADATA:
        raise Invalid.field("metadata", "Metadata holds 64 KiB at most.", "too_large")
    return plain(metadata)
