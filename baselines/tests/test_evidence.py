"""What a run showed, attached by reference and only when it is the run's own."""

import uuid

import pytest

from baselines import evidence
from baselines.tests.lab import EXPORT_ID, last_event
from ledger.canonical import sha256_text
from ledger.errors import Invalid


def test_all_exports_and_qc_events_are_attached_unless_some_are_named(lab):
    lab.add_export()
    metric, *_ = lab.add_qc()
    baseline = lab.submitted()
    export, quality = baseline.evidence
    assert (export.kind, str(export.reference_id)) == ("narrative_export", EXPORT_ID)
    assert export.label == "Narrative export, version 1"
    assert export.snapshot["content_digest"].startswith("9c1f")
    assert (quality.kind, quality.reference_id, quality.label) == ("qc_metric", metric.pk, "Plate read")
    assert quality.snapshot["metric_rollup"] == {"count": 1, "keys": ["efficiency"]}
    assert quality.snapshot["readings_summary"] == {"min": 27.6, "max": 27.6, "avg": 27.6}
    assert last_event(baseline).details["evidence"][0] == {
        "kind": "narrative_export",
        "id": EXPORT_ID,
        "label": export.label,
        "snapshot_digest": sha256_text(export.snapshot_text),
    }


def test_named_ones_only_and_none_at_all(lab):
    lab.add_export()
    _, second = lab.add_qc(count=2)
    baseline = lab.submitted(export_ids=[], qc_event_ids=[str(second.pk)])
    assert [row.reference_id for row in baseline.evidence] == [second.pk]
    assert not lab.submitted(export_ids=[], qc_event_ids=[]).evidence


def test_what_another_run_showed_is_refused(lab):
    other = lab.make_run("Plate 4")
    lab.add_export(run=other)
    metric, *_ = lab.add_qc(run=other)
    for given in ({"export_ids": [EXPORT_ID]}, {"qc_event_ids": [metric.pk]}):
        with pytest.raises(Invalid, match="This run has no such"):
            lab.submitted(**given)


def test_an_event_of_another_kind_is_no_qc_event(lab):
    with pytest.raises(Invalid, match="no such QC event"):
        lab.submitted(qc_event_ids=[lab.run.events.first().pk])


def test_past_the_most_the_newest_are_attached_and_the_rest_is_counted(lab, monkeypatch):
    monkeypatch.setattr(evidence, "MOST", 2)
    for version in (1, 2, 3):
        lab.add_export(str(uuid.UUID(int=version)), version)
    lab.add_qc(count=4)
    baseline = lab.submitted()
    assert [row.reference_id.int for row in baseline.evidence_rows.filter(kind="narrative_export")] == [2, 3]
    sequences = [row.snapshot["sequence"] for row in baseline.evidence_rows.filter(kind="qc_metric")]
    assert sequences == [7, 8]
    assert last_event(baseline).details["evidence_left_out"] == 3
    with pytest.raises(Invalid, match="At most 2"):
        lab.submitted(export_ids=[str(uuid.UUID(int=n)) for n in (1, 2, 3)])
