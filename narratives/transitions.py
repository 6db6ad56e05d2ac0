"""Requesting an export: read, render and resolve first; then lock, freeze and open the ladder."""

import uuid
from dataclasses import dataclass

from django.db.models import Max
from django.utils import timezone

from approvals.transitions import check_blueprint_people, open_ladder
from evidence.contributors import contributors
from evidence.kinds import freeze, resolve_attachments
from experiments.events import Event
from experiments.models import Execution
from experiments.timeline import chain_id, locked_timeline
from governance.audit import locked_family
from governance.blueprint import DEFAULT_LADDER
from governance.enums import AuditAction
from governance.queries import Choice, choose_ladder
from ledger.canonical import loads, object_text, sha256_text
from ledger.chain import genesis
from ledger.errors import TransitionDenied
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
    uploaders: list
    choice: Choice
    notes: str
    metadata: dict

    @property
    def blueprint(self):
        return self.choice.blueprint


def request_export(execution_id, *, by, written=None, **asked):
    """Freeze a run's narrative, evidence and ladder as its next version, and start the ladder.

    `asked` is what `draft_export` takes, `written` what `create_export` takes; both say what is raised.
    """
    return create_export(draft_export(execution_id, by=by, **asked), by=by, written=written)


def draft_export(
    execution_id,
    *,
    by,
    attachments=(),
    notes="",
    metadata=None,
    blueprint=DEFAULT_LADDER,
    snapshot_id=None,
    template_id=None,
):
    """The Draft of an export: events up to the run's count at this moment; later ones belong to the next version.

    `attachments` is the request's list (api.md, "Narrative exports"); `blueprint` the requester's own stages, or
    DEFAULT_LADDER; `snapshot_id` or `template_id` a published ladder. Which ladder applies is governance's to say.
    Raises Execution.DoesNotExist for a run the requester does not see, Invalid with the fields that do not fit, and
    TransitionDenied where another ladder is assigned; nothing is written.
    """
    execution = Execution.objects.visible_to(by).select_related("protocol", "run_by").get(pk=execution_id)
    now = timezone.now()
    notes = clean_text(notes or "", "notes", MAX_NOTES, required=False)
    metadata = loads(object_text(metadata, "metadata", most=MAX_METADATA))
    choice = _chosen_ladder(
        execution, by=by, now=now, blueprint=blueprint, snapshot_id=snapshot_id, template_id=template_id
    )
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
            blueprint_digest=choice.blueprint.digest(),
        ),
        timeline_head=head,
        generated_at=now,
        resolved=resolved,
        uploaders=contributors(resolved),
        choice=choice,
        notes=notes,
        metadata=metadata,
    )


def _chosen_ladder(execution, *, by, now, blueprint, snapshot_id, template_id):
    """The Choice that applies to the run; the people it names can sign what it gives them."""
    choice = choose_ladder(
        protocol_id=execution.protocol_id,
        team_id=execution.team_id,
        snapshot_id=snapshot_id,
        template_id=template_id,
        ad_hoc=None if blueprint is DEFAULT_LADDER else blueprint,
    )
    check_blueprint_people(choice.blueprint, team_id=execution.team_id, requester=by, now=now)
    return choice


def create_export(draft, *, by, written=None):
    """Write a Draft as the run's next version under the run's lock, and start its ladder.

    `written(export)` is called inside the transaction (`accounts.idempotency`).
    """
    with locked_timeline(draft.execution.pk) as timeline:
        _check_still_chosen(draft, timeline.execution)
        # Lock before counting: two requesters would otherwise both become version 4.
        newest = NarrativeExport.objects.filter(execution=timeline.execution).aggregate(number=Max("version"))["number"]
        export_id, version = uuid.uuid4(), (newest or 0) + 1
        ladder = _announced_ladder(timeline, draft, export_id, version, by)
        export = _frozen_export(timeline, draft, ladder, by, id=export_id, version=version)
        _attach(export, draft.resolved, timeline.now)
        if export.template_snapshot is not None:
            log_binding(export, export.template_snapshot, by)
        if written is not None:
            written(export)
    return export


def _announced_ladder(timeline, draft, export_id, version, by):
    """The event that names the export, then its ladder: the order readers of the timeline expect."""
    timeline.record(
        Event.EXPORT_CREATED,
        by=by,
        export_id=str(export_id),
        version=version,
        content_digest=draft.content_digest,
        event_count=draft.execution.event_count,
        attachment_count=len(draft.resolved),
        stage_count=len(draft.blueprint.stages),
        notes=draft.notes,
    )
    return open_ladder(
        timeline,
        blueprint=draft.blueprint,
        subject=_subject(draft, export_id, version),
        title=f"{timeline.execution.title} · v{version}",
        content_digest=draft.content_digest,
        uploaders=draft.uploaders,
        by=by,
    )


def _frozen_export(timeline, draft, ladder, by, **named):
    snapshot = draft.choice.snapshot
    return NarrativeExport.objects.create(
        execution=timeline.execution,
        content=draft.content,
        content_sha256=draft.content_sha256,
        content_digest=draft.content_digest,
        event_count=draft.execution.event_count,
        timeline_head=draft.timeline_head,
        generated_at=draft.generated_at,
        ladder=ladder,
        template_snapshot=snapshot,
        workflow_template=snapshot.template if snapshot else None,
        requested_by=by,
        requested_by_name=by.printed_name,
        notes=draft.notes,
        metadata=draft.metadata,
        created_at=timeline.now,
        updated_at=timeline.now,
        **named,
    )


def _attach(export, resolved, now):
    frozen = freeze(resolved)
    ExportAttachment.objects.bulk_create(
        ExportAttachment(
            export=export,
            position=position,
            evidence=evidence,
            label=each.label,
            context_text=each.context_text,
            created_at=now,
        )
        for position, (each, evidence) in enumerate(zip(resolved, frozen, strict=True), 1)
    )


def _check_still_chosen(draft, execution):
    """A ladder may be assigned or archived between reading and locking."""
    choice = draft.choice
    now = choose_ladder(
        protocol_id=execution.protocol_id,
        team_id=execution.protocol.team_id,
        snapshot_id=choice.snapshot.pk if choice.reason == "named" else None,
        ad_hoc=choice.blueprint if choice.reason == "ad_hoc" else None,
    )
    if now.blueprint != choice.blueprint:
        raise TransitionDenied(
            "The ladder that applies here changed at this moment. Look at it again and request once more.",
            code="ladder_changed",
        )


def log_binding(export, snapshot, by):
    with locked_family(snapshot.template.family_id) as log:
        log.record(
            AuditAction.SNAPSHOT_BOUND,
            by=by,
            template=snapshot.template,
            template_id=str(snapshot.template_id),
            snapshot_id=str(snapshot.pk),
            execution_id=str(export.execution_id),
            export_id=str(export.pk),
            export_version=export.version,
        )


def _subject(draft, export_id, version):
    """What every signature on the ladder names: the record, its narrative and each piece of evidence by SHA-256."""
    return {
        "kind": "narrative_export",
        "id": str(export_id),
        "version": version,
        "execution": chain_id(draft.execution.pk),
        "narrative_sha256": draft.content_sha256,
        "evidence_sha256": [each.evidence.sha256 for each in draft.resolved],
    }
