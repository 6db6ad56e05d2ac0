import uuid

import pytest
from django.core.files.base import ContentFile
from django.db import DatabaseError, connection, transaction

from evidence.enums import EvidenceType
from evidence.kinds import KINDS, MOST_ATTACHMENTS, freeze, resolve_attachments
from evidence.models import FrozenEvidence, NotebookRevision, StoredFile
from evidence.reading import frozen_chunks
from evidence.tests import factories
from evidence.transitions import create_notebook_entry, edit_notebook_entry, store_file
from ledger.canonical import sha256_text
from ledger.errors import Invalid, TransitionDenied
from ledger.triggers import MESSAGE

EVENTS = {
    "note": ("note.added", {"text": "Well C7 looks cloudy"}),
    "qc": (
        "qc.plate_read",
        {"label": "Plate read FAM", "readings": [{"value": 24.1}, {"value": 31.8}, {"value": "x"}]},
    ),
    "analytics": ("analytics.curve", {"title": "Standard curve", "metrics": {"slope": -3.3, "r_squared": 0.99}}),
    "remediation": ("remediation.note", {"title": "Re-pipetted", "actions": ["re-pipette", "confirm lot"]}),
}


def upload(data=b"raw data", name="plate3_raw.eds", content_type="application/octet-stream"):
    file = ContentFile(data, name=name)
    file.content_type = content_type
    return file


@pytest.fixture
def sources(execution, runner):
    """One source of each kind."""
    rows = factories.record(execution, runner, *EVENTS.values())
    events = dict(zip(EVENTS, rows, strict=True))
    entry = create_notebook_entry(by=runner, execution=execution, title="Master mix prep", content="# Mix\n\n20 µl")
    file = store_file(upload(), by=runner, execution=execution)
    return events | {"entry": entry, "file": file}


def one_of_each(sources):
    return [
        {"event_id": str(sources["note"].pk)},
        {"file_id": str(sources["file"].pk)},
        {"notebook_entry_id": str(sources["entry"].pk)},
        {"analytics_event_id": str(sources["analytics"].pk)},
        {"qc_event_id": str(sources["qc"].pk)},
        {"remediation_event_id": str(sources["remediation"].pk)},
    ]


def refused(execution, attachments, by):
    with pytest.raises(Invalid) as refusal:
        resolve_attachments(execution, attachments, by=by)
    return refusal.value.errors


def test_the_six_kinds_are_found_described_and_frozen(execution, runner, sources):
    resolved = resolve_attachments(execution, one_of_each(sources), by=runner)
    frozen = freeze(resolved)
    assert [row.evidence_type for row in frozen] == [
        "timeline_event", "file", "notebook_entry", "analytics_snapshot", "qc_metric", "remediation_report",
    ]  # fmt: skip
    assert [each.label for each in resolved] == [
        "Well C7 looks cloudy", "plate3_raw.eds", "Master mix prep", "Standard curve", "Plate read FAM", "Re-pipetted",
    ]  # fmt: skip
    for row in FrozenEvidence.objects.all():
        data = b"".join(frozen_chunks(row))
        assert len(data) == row.size
        assert sha256_text(data.decode()) == row.sha256
    assert frozen[4].snapshot["readings_summary"] == {"min": 24.1, "max": 31.8, "avg": pytest.approx(27.95)}
    assert frozen[3].snapshot["metric_rollup"] == {"count": 2, "keys": ["r_squared", "slope"]}
    assert frozen[5].snapshot["actions"] == ["re-pipette", "confirm lot"]
    assert frozen[2].snapshot["revision"] == 1
    assert frozen[1].snapshot["sha256"] == sources["file"].sha256


def test_an_event_is_frozen_as_it_was_sealed(execution, runner, sources):
    (row,) = freeze(resolve_attachments(execution, [{"event_id": str(sources["note"].pk)}], by=runner))
    assert row.content == sources["note"].body
    assert row.sha256 == sources["note"].hash


def test_resolving_writes_nothing_and_asks_one_query_per_table(execution, runner, sources, django_assert_num_queries):
    with django_assert_num_queries(3):
        resolve_attachments(execution, one_of_each(sources), by=runner)
    assert FrozenEvidence.objects.count() == 0


def test_thirty_attachments_ask_as_many_queries_as_one(execution, runner, django_assert_num_queries):
    rows = factories.record(execution, runner, *[("qc.reading", {"n": n}) for n in range(30)])
    for chosen in (rows[:1], rows):
        with django_assert_num_queries(1):
            resolve_attachments(execution, [{"qc_event_id": str(row.pk)} for row in chosen], by=runner)


def test_type_and_reference_id_name_the_same_things(execution, runner, sources):
    attachments = [
        {"type": "timeline_event", "reference_id": str(sources["note"].pk)},
        {"type": "file", "reference_id": sources["file"].pk},
        {
            "type": "qc_metric",
            "reference_id": str(sources["qc"].pk),
            "label": "  Read \n one ",
            "context": {"why": [1]},
        },
    ]
    resolved = resolve_attachments(execution, attachments, by=runner)
    assert [each.evidence.evidence_type for each in resolved] == ["timeline_event", "file", "qc_metric"]
    assert (resolved[2].label, resolved[2].context, resolved[2].context_text) == (
        "Read one",
        {"why": [1]},
        '{"why":[1]}',
    )


def test_frozen_evidence_stays_when_its_source_changes(execution, runner, sources):
    frozen = freeze(resolve_attachments(execution, one_of_each(sources), by=runner))
    before = {row.pk: b"".join(frozen_chunks(row)) for row in frozen}
    edit_notebook_entry(sources["entry"], by=runner, title="Other", content="Other", expected_revision=1)
    store_file(upload(b"other data"), by=runner, execution=execution)
    factories.record(execution, runner, EVENTS["qc"])
    for row in FrozenEvidence.objects.all():
        assert b"".join(frozen_chunks(row)) == before[row.pk]
    assert FrozenEvidence.objects.get(evidence_type="notebook_entry").label == "Master mix prep"


@pytest.mark.parametrize("key", ["event_id", "file_id", "notebook_entry_id", "qc_event_id"])
def test_what_is_in_another_run_nowhere_or_without_a_run_is_refused_alike(execution, runner, lab, key):
    other = factories.run(runner, team=lab, title="Another")
    event = factories.record(other, runner, EVENTS["qc"])[0]
    foreign = {
        "event_id": event,
        "qc_event_id": event,
        "file_id": store_file(upload(), by=runner, execution=other),
        "notebook_entry_id": create_notebook_entry(by=runner, title="Elsewhere", execution=other),
    }[key]
    loose = {
        "file_id": lambda: store_file(upload(), by=runner),
        "notebook_entry_id": lambda: create_notebook_entry(by=runner, title="Loose"),
    }
    wrong = [str(foreign.pk), str(uuid.uuid4())]
    if key in loose:
        wrong.append(str(loose[key]().pk))
    errors = refused(execution, [{key: value} for value in wrong], runner)
    assert [error["field"] for error in errors] == [f"attachments.{number}" for number in range(len(wrong))]
    assert errors[0]["detail"].startswith("Attachment 1 names a ")
    assert {error["detail"].partition(" names ")[2] for error in errors} == {
        errors[0]["detail"].partition(" names ")[2]
    }
    assert {error["code"] for error in errors} == {"not_in_execution"}


def test_an_event_of_another_family_is_named(execution, runner, sources):
    errors = refused(execution, [{"qc_event_id": str(sources["analytics"].pk)}], runner)
    assert errors[0]["detail"] == "Attachment 1 names an event of type analytics.curve, which is no QC event."
    assert refused(execution, [{"file_id": str(sources["entry"].pk)}], runner)[0]["code"] == "not_in_execution"


def test_the_same_thing_twice_is_refused_at_the_second_line(execution, runner, sources):
    twice = [{"file_id": str(sources["file"].pk)}, {"type": "file", "reference_id": str(sources["file"].pk).upper()}]
    errors = refused(execution, twice, runner)
    assert [(error["field"], error["code"]) for error in errors] == [("attachments.1", "duplicate")]


@pytest.mark.parametrize(
    ("attachment", "code"),
    [
        ("text", "not_an_object"),
        (None, "not_an_object"),
        ({}, "one_reference"),
        ({"label": "nothing else"}, "one_reference"),
        ({"event_id": "a", "file_id": "b"}, "one_reference"),
        ({"event_id": "a", "type": "file", "reference_id": "b"}, "one_reference"),
        ({"event_id": "nonsense"}, "not_a_uuid"),
        ({"event_id": 7}, "not_a_uuid"),
        ({"event_id": ["x"]}, "not_a_uuid"),
        ({"event_id": {"x": 1}}, "not_a_uuid"),
        ({"event_id": "\ud800"}, "not_a_uuid"),
        ({"type": "file"}, "not_a_uuid"),
        ({"type": ["file"], "reference_id": str(uuid.uuid4())}, "unknown_type"),
        ({"type": "video", "reference_id": str(uuid.uuid4())}, "unknown_type"),
        ({"reference_id": str(uuid.uuid4())}, "unknown_type"),
        ({"event_id": str(uuid.uuid4()), "surprise": 1}, "unknown_member"),
        ({"event_id": str(uuid.uuid4()), "label": 5}, "not_text"),
        ({"event_id": str(uuid.uuid4()), "label": "x" * 256}, "too_long"),
        ({"event_id": str(uuid.uuid4()), "label": "a\x00b"}, "not_storable"),
        ({"event_id": str(uuid.uuid4()), "label": "\ud800"}, "not_storable"),
        ({"event_id": str(uuid.uuid4()), "context": []}, "not_an_object"),
        ({"event_id": str(uuid.uuid4()), "context": {"x": float("nan")}}, "not_canonical"),
        ({"event_id": str(uuid.uuid4()), "context": {"x": 2**60}}, "not_canonical"),
        ({"event_id": str(uuid.uuid4()), "context": {"x": "\ud800"}}, "not_canonical"),
        ({"event_id": str(uuid.uuid4()), "context": {"x": "y" * 30_000}}, "too_long"),
    ],
)
def test_a_malformed_line_is_named(execution, runner, sources, attachment, code):
    good = {"file_id": str(sources["file"].pk)}
    errors = refused(execution, [good, attachment], runner)
    assert [(error["field"], error["code"]) for error in errors] == [("attachments.1", code)]
    assert errors[0]["detail"].startswith("Attachment 2 ")


@pytest.mark.parametrize("attachments", [None, {}, "x", 5, [{"event_id": str(uuid.uuid4())}] * (MOST_ATTACHMENTS + 1)])
def test_attachments_are_a_list_of_bounded_length(execution, runner, attachments):
    assert refused(execution, attachments, runner)[0]["field"] == "attachments"


def test_no_attachments_are_fine(execution, runner, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert resolve_attachments(execution, [], by=runner) == []
    assert freeze([]) == []


def test_every_kind_has_its_own_object():
    assert set(KINDS) == set(EvidenceType)
    assert all(kind.type == name for name, kind in KINDS.items())


def frozen_row(execution, runner, sources):
    return freeze(resolve_attachments(execution, [{"notebook_entry_id": str(sources["entry"].pk)}], by=runner))[0]


@pytest.mark.parametrize("model", [FrozenEvidence, NotebookRevision, StoredFile])
@pytest.mark.parametrize("statement", ["UPDATE {table} SET created_at = created_at", "DELETE FROM {table}"])
def test_the_database_itself_refuses_to_rewrite_records(execution, runner, sources, model, statement):
    frozen_row(execution, runner, sources)
    with pytest.raises(DatabaseError, match=MESSAGE), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table=model._meta.db_table))
    assert model.objects.exists()


def test_a_frozen_row_is_refused_in_python_too(execution, runner, sources):
    row = frozen_row(execution, runner, sources)
    for rewrite in (row.save, row.delete, FrozenEvidence.objects.all().delete):
        with pytest.raises(TransitionDenied):
            rewrite()
