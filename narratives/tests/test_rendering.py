"""The narrative: its words, its borders, its repeatability."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from accounts.models import User
from evidence.enums import EvidenceType
from evidence.kinds import Resolved
from evidence.models import FrozenEvidence
from experiments.models import Execution
from ledger.canonical import canonical_text
from ledger.chain import link
from narratives.reading import event_view, narrative_page
from narratives.rendering import blocks, payload_text, render_narrative

GOLDEN = Path(__file__).parent / "golden"
AT = datetime(2026, 11, 23, 8, 2, 11, 250000, tzinfo=UTC)
HOSTILE = [
    "```\n# Forged heading\n```",
    "## Evidence",
    "\n### 2026-11-23T08:02:11.250000Z step.transition (#1)\n",
    "\r\n- actor: Somebody else",
    "[[[[" * 500,
    "<script>alert(1)</script>",
    "`" * 40,
    "\u202egnitset\u2028next\u0085line",
    '","prev":"0000","payload":{"x":1}',
    "| a | b |\n|---|---|",
]


def run(**fields):
    members = {
        "id": UUID("7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90"),
        "title": "SARS-CoV-2 N1 assay validation",
        "protocol_name": "RT-qPCR N1",
        "protocol_version": "2.1",
        "run_by": User(full_name="Jonas Ortega", email="jonas@lab.example"),
        "run_by_name": "Jonas Ortega",
        "status": "completed",
        "created_at": AT,
        "updated_at": AT,
        "event_count": 2,
    }
    return Execution(**members | fields)


def row(sequence, event_type, payload, *, actor="Jonas Ortega"):
    pk = UUID(int=sequence)
    sealed = {
        "v": 1, "id": str(pk), "execution": "urn:uuid:x", "seq": sequence, "type": event_type,
        "actor": {"id": "1", "name": actor}, "recorded_at": "2026-11-23T08:02:11.250000Z", "payload": payload,
    }  # fmt: skip
    return (sequence, AT, event_type, pk, actor, link(sealed, previous_hash="0" * 64).body)


def evidence(label="plate3_raw.eds", filename="plate3_raw.eds"):
    frozen = FrozenEvidence(
        evidence_type=EvidenceType.QC_METRIC, reference_id=UUID(int=9), label=label, filename=filename,
        media_type="application/json", sha256="b7" * 32, size=184, snapshot_text="{}",
    )  # fmt: skip
    return Resolved(frozen, label)


def test_a_narrative_reads_as_the_golden_file_says():
    events = [
        row(1, "step.transition", {"index": 2, "instruction": "Mix", "from": "in_progress", "to": "completed"}),
        row(2, "qc.plate_read", {"summary": "Cq 24.1 to 31.8", "readings": [{"value": 24.1}]}),
    ]
    assert render_narrative(run(), events, [evidence()]) == (GOLDEN / "narrative.md").read_text()


def test_a_narrative_without_events_and_evidence_says_so():
    told = render_narrative(run(event_count=0), [], [])
    assert told.endswith("## Timeline\n\n## Evidence\n\nNo evidence is attached.\n")


def test_the_same_rows_give_the_same_bytes():
    events = [row(1, "note.a", {"text": "x", "b": [1, 2.5, None]})]
    assert render_narrative(run(), list(events), []) == render_narrative(run(), iter(events), [])


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_breaks_out_of_its_line_or_fence(value):
    events = [
        row(1, "note.hostile", {"text": value, value: value}, actor=value),
        row(2, "note." + value, {"text": "honest"}),
    ]
    told = render_narrative(
        run(title=value, protocol_name=value, protocol_version=value, run_by_name=value),
        events,
        [evidence(value, value)],
    )
    found = list(blocks(told))
    assert [block.kind for block in found] == ["summary", "event", "event", "evidence"]
    headings = [line for line in outside_fences(told) if line.startswith("#")]
    assert len(headings) == 6
    assert [line[:3] for line in headings] == ["# E", "## ", "## ", "###", "###", "## "]
    assert json.loads(event_view(found[1].markdown).payload) == {"text": value, value: value}
    assert event_view(found[2].markdown).summary == "honest"


def outside_fences(text):
    closing = None
    for line in text.split("\n"):
        if closing:
            closing = None if line == closing else closing
        elif line.startswith("```"):
            closing = line.rstrip("json")
        else:
            yield line


@pytest.mark.parametrize("value", HOSTILE)
def test_the_payload_cut_from_the_sealed_text_is_its_canonical_json(value):
    payload = {"a": value, "payload": {"prev": value}, value: [1, -0.5, 1e21]}
    assert payload_text(row(1, "note.x", payload, actor=value)[5]) == canonical_text(payload)


def test_blocks_put_together_are_the_narrative_again():
    told = render_narrative(
        run(), [row(1, "note.a", {"text": "x"}), row(2, "note.b", {"text": "```\n## Evidence"})], []
    )
    assert "\n".join(block.markdown for block in blocks(told)) == told.replace("## Timeline\n\n", "")


def test_the_page_shows_the_words_as_they_were_before_escaping():
    told = render_narrative(
        run(), [row(1, "note.a_b", {"text": r"*bold* [x] <b> &lt; 1. a\b"}, actor="1. Ada_Ng_")], []
    )
    view = event_view(list(blocks(told))[1].markdown)
    assert (view.event_type, view.actor, view.summary) == ("note.a_b", "1. Ada_Ng_", r"*bold* [x] <b> &lt; 1. a\b")


def test_pages_of_a_narrative_follow_each_other():
    told = render_narrative(run(), [row(n, "note.a", {"text": str(n)}) for n in range(1, 8)], [])
    first, last = narrative_page(told, size=4), narrative_page(told, first=5, size=4)
    assert ([e.sequence for e in first.events], first.next_from, first.evidence) == ([1, 2, 3, 4], 5, "")
    assert ([e.sequence for e in last.events], last.next_from, last.summary) == ([5, 6, 7], None, None)
    assert (first.summary.title, first.summary.facts[0]) == (
        "Execution Narrative — SARS-CoV-2 N1 assay validation",
        ("Execution", "7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90"),
    )
    assert last.evidence.startswith("## Evidence")
