"""Requesting an export: what is frozen, what is recorded, what is refused."""

import json
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from approvals.models import ApprovalLadder, ApprovalStage
from evidence.models import FrozenEvidence
from evidence.transitions import create_notebook_entry, edit_notebook_entry
from experiments.events import Event
from experiments.models import Execution, ExecutionEvent
from governance.blueprint import ad_hoc_ladder
from ledger.canonical import sha256_text
from ledger.errors import Invalid
from narratives.digest import statement_of
from narratives.models import ExportAttachment, NarrativeExport
from narratives.rendering import blocks
from narratives.tests.conftest import make_execution, record
from narratives.transitions import create_export, draft_export, request_export

GOLDEN = Path(__file__).parent / "golden"
WRITTEN = (NarrativeExport, ExportAttachment, FrozenEvidence, ApprovalLadder, ApprovalStage)


def counts():
    return [model.objects.count() for model in (*WRITTEN, ExecutionEvent)]


def test_a_request_freezes_the_run_as_it_stood(lab):
    lab.execution.refresh_from_db()
    export = request_export(lab.execution.pk, by=lab.jonas, notes=" Please look ", metadata={"campaign": 3})
    assert (export.version, export.event_count, export.notes) == (1, 2, "Please look")
    assert export.metadata == {"campaign": 3}
    assert export.timeline_head == lab.execution.head_hash
    assert (export.requested_by, export.requested_by_name) == (lab.jonas, "Jonas Ortega")
    assert export.content_sha256 == sha256_text(export.content)
    assert [block.sequence for block in blocks(export.content) if block.kind == "event"] == [1, 2]
    assert export.content_digest == sha256_text(statement_of(export)) == export.ladder.content_digest


def test_the_default_ladder_is_one_stage_for_an_approver_and_it_waits(lab):
    export = request_export(lab.execution.pk, by=lab.jonas)
    stage = export.ladder.stages.get()
    assert (stage.required_role, stage.status, export.ladder.status) == ("approver", "in_progress", "pending")
    assert export.ladder.title == "SARS-CoV-2 N1 assay validation · v1"
    assert export.ladder.subject == {
        "kind": "narrative_export",
        "id": str(export.pk),
        "version": 1,
        "execution": f"urn:uuid:{lab.execution.pk}",
        "narrative_sha256": export.content_sha256,
        "evidence_sha256": [],
    }


def test_the_event_is_recorded_exactly(lab):
    export = request_export(
        lab.execution.pk,
        by=lab.jonas,
        notes="After DEV-118",
        attachments=[{"type": "qc_metric", "reference_id": str(lab.execution.events.first().pk)}],
        blueprint=ad_hoc_ladder([{"required_role": "qa"}, {"required_role": "approver"}]),
    )
    events = list(lab.execution.events.filter(sequence__gt=2))
    assert [event.event_type for event in events] == [Event.EXPORT_CREATED, Event.STAGE_STARTED]
    assert events[0].actor == lab.jonas
    told = events[0].payload
    assert (told.pop("export_id"), told.pop("content_digest")) == (str(export.pk), export.content_digest)
    assert told == json.loads((GOLDEN / "narrative_export.created.json").read_text())


def test_evidence_is_frozen_in_the_order_asked_for(lab):
    entry = create_notebook_entry(by=lab.jonas, execution=lab.execution, title="Master mix", content="2 ml")
    plate = lab.execution.events.first()
    export = request_export(
        lab.execution.pk,
        by=lab.jonas,
        attachments=[
            {"notebook_entry_id": str(entry.pk), "label": "Mix", "context": {"plate": 3}},
            {"qc_event_id": str(plate.pk)},
        ],
    )
    first, second = export.attachments.select_related("evidence")
    assert (first.position, first.label, first.context_text, first.evidence.content) == (
        1,
        "Mix",
        '{"plate":3}',
        "2 ml",
    )
    assert (second.position, second.evidence.content) == (2, plate.body)
    assert first.evidence.sha256 in export.content
    assert second.evidence.sha256 in export.content


def test_what_is_frozen_stays_when_the_notebook_changes(lab):
    entry = create_notebook_entry(by=lab.jonas, execution=lab.execution, title="Master mix", content="2 ml")
    export = request_export(lab.execution.pk, by=lab.jonas, attachments=[{"notebook_entry_id": str(entry.pk)}])
    before = export.content, statement_of(export), export.attachments.get().evidence.content
    edit_notebook_entry(entry, by=lab.jonas, title="Master mix", content="3 ml", expected_revision=1)
    export = NarrativeExport.objects.get(pk=export.pk)
    assert (export.content, statement_of(export), export.attachments.get().evidence.content) == before


def test_events_after_the_draft_belong_to_the_next_version(lab):
    draft = draft_export(lab.execution.pk, by=lab.jonas)
    record(lab, "note.late", {"text": "too late"})
    export = create_export(draft, by=lab.jonas)
    assert (export.event_count, "too late" in export.content) == (2, False)
    assert "too late" in request_export(lab.execution.pk, by=lab.jonas).content


def test_versions_count_up_and_the_same_run_gives_the_same_words(lab):
    drafts = [draft_export(lab.execution.pk, by=lab.jonas) for _ in range(2)]
    assert drafts[0].content == drafts[1].content
    assert [create_export(draft, by=lab.jonas).version for draft in drafts] == [1, 2]


def foreign_entry(lab):
    other = make_execution(lab, "Another run")
    return create_notebook_entry(by=lab.jonas, execution=other, title="Elsewhere", content="")


@pytest.mark.parametrize(
    "attachments",
    [
        lambda lab: [{"notebook_entry_id": str(foreign_entry(lab).pk)}],
        lambda lab: [{"file_id": "00000000-0000-4000-8000-000000000000"}],
        lambda lab: [{"analytics_event_id": str(lab.execution.events.first().pk)}],
        lambda lab: [{"event_id": str(lab.execution.events.first().pk)}] * 2,
        lambda lab: [{"event_id": "nonsense"}],
        lambda lab: ["nonsense"],
    ],
    ids=["foreign", "unknown", "wrong kind", "twice", "malformed", "no object"],
)
def test_evidence_that_does_not_fit_is_refused_and_nothing_is_written(lab, attachments):
    wanted = attachments(lab)
    before = counts()
    with pytest.raises(Invalid) as refusal:
        request_export(lab.execution.pk, by=lab.jonas, attachments=wanted)
    assert refusal.value.errors[0]["field"].startswith("attachments.")
    assert counts() == before


def test_an_assignee_without_the_role_is_refused_and_nothing_is_written(lab):
    blueprint = ad_hoc_ladder([{"required_role": "qa", "assignee_id": str(lab.lea.pk)}])
    before = counts()
    with pytest.raises(Invalid) as refusal:
        request_export(lab.execution.pk, by=lab.jonas, blueprint=blueprint)
    assert refusal.value.errors[0]["field"] == "approval_stages.0.assignee_id"
    assert counts() == before


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"notes": "a\x00b"}, "notes"),
        ({"notes": "\ud800"}, "notes"),
        ({"notes": "n" * 10_001}, "notes"),
        ({"metadata": [1]}, "metadata"),
        ({"metadata": {"a": float("nan")}}, "metadata"),
        ({"metadata": {"a": "x" * 70_000}}, "metadata"),
        ({"metadata": {"a": "\ud800"}}, "metadata"),
        ({"metadata": {"a": 2**60}}, "metadata"),
    ],
)
def test_notes_and_metadata_that_cannot_be_kept_are_refused(lab, members, field):
    before = counts()
    with pytest.raises(Invalid) as refusal:
        request_export(lab.execution.pk, by=lab.jonas, **members)
    assert refusal.value.errors[0]["field"] == field
    assert counts() == before


def test_a_stranger_gets_the_same_answer_as_for_a_run_that_never_was(lab):
    before = counts()
    with pytest.raises(Execution.DoesNotExist):
        request_export(lab.execution.pk, by=lab.sam)
    assert counts() == before


def test_a_failure_while_writing_leaves_nothing(lab):
    before = counts()

    def failing(export):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        request_export(lab.execution.pk, by=lab.jonas, written=failing)
    assert counts() == before
    lab.execution.refresh_from_db()
    assert lab.execution.event_count == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE narratives_narrativeexport SET content = 'forged'",
        "UPDATE narratives_narrativeexport SET notes = 'forged'",
        "UPDATE narratives_exportattachment SET label = 'forged'",
        "DELETE FROM narratives_exportattachment",
        "DELETE FROM narratives_narrativeexport",
    ],
)
def test_the_database_refuses_to_rewrite_an_export(lab, statement):
    request_export(lab.execution.pk, by=lab.jonas, attachments=[{"event_id": str(lab.execution.events.first().pk)}])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert NarrativeExport.objects.get().notes == ""
