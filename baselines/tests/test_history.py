"""The history of a baseline: word for word, chained, and not to be rewritten."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from baselines.enums import EVENT_DETAILS, BaselineEventType
from baselines.history import locked_protocol
from baselines.models import Baseline, BaselineEvent
from baselines.tests.lab import LABELS, kinds
from baselines.transitions import publish_baseline, resubmit_baseline, review_baseline, roll_back_baseline
from baselines.verification import verify_baselines
from experiments.tests.recorded import masked
from ledger import triggers
from ledger.errors import TransitionDenied

GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture
def walked(lab):
    """Two baselines that went through every event."""
    lab.add_export()
    lab.add_qc()
    first, second = lab.published(labels=LABELS), lab.rejected(description="No NTC")
    resubmit_baseline(second.pk, by=lab.sam, name="N1 standard, mended", labels=LABELS[:1], reviewer_ids=[lab.mate.pk])
    review_baseline(second.pk, by=lab.mate, decision="approve", notes="Mended")
    publish_baseline(second.pk, by=lab.mate, notes="From Monday")
    roll_back_baseline(second.pk, by=lab.ada, reason="Primer lot recalled", target_id=first.pk)
    return first, second


def test_every_event_is_the_golden_one(walked):
    _, second = walked
    newest = {event.event_type: event for event in BaselineEvent.objects.order_by("created_at", "sequence")}
    newest["submitted"] = BaselineEvent.objects.filter(event_type="submitted").order_by("created_at").first()
    newest["published"] = second.events.get(event_type="published")
    assert set(newest) == set(BaselineEventType.values) == {path.stem for path in GOLDEN.glob("*.json")}
    for name, event in newest.items():
        assert masked(event.details) == json.loads((GOLDEN / f"{name}.json").read_text()), name


def test_an_event_with_other_details_is_not_written(lab):
    baseline = lab.submitted()
    assert set(EVENT_DETAILS) == set(BaselineEventType)
    with pytest.raises(ValueError, match="differ from"), locked_protocol(lab.protocol.pk) as history:
        history.record(baseline, BaselineEventType.APPROVED, by=lab.rita, note="typo")
    assert kinds(baseline) == ["submitted"]


def test_history_evidence_and_where_a_baseline_comes_from_cannot_be_rewritten(walked, lab):
    rewrites = [
        "UPDATE baselines_baselineevent SET actor_name = 'Somebody'",
        "DELETE FROM baselines_baselineevent",
        "UPDATE baselines_baselineevidence SET label = 'better'",
        "DELETE FROM baselines_baselineevidence",
        "DELETE FROM baselines_baseline",
        f"UPDATE baselines_baseline SET submitted_by_id = '{lab.rita.pk.hex}'",
    ]
    connection.check_constraints()
    for rewrite in rewrites:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(rewrite)
    event = BaselineEvent.objects.first()
    for refuse in (event.save, event.delete, BaselineEvent.objects.all().delete):
        with pytest.raises(TransitionDenied):
            refuse()


@pytest.mark.parametrize(
    "broken",
    [
        "SET is_current = TRUE",
        "SET status = 'approved'",
        "SET reviewed_by_id = submitted_by_id",
        "SET version_number = 1",
        "SET rolled_back_at = NULL",
        "SET published_by_id = NULL",
        "SET rollback_of_id = id",
    ],
)
def test_the_database_holds_what_the_code_assumes(walked, broken):
    _, rolled_back = walked
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE baselines_baseline {broken} WHERE version_number = {2}")
    assert rolled_back.version_number is None  # as it was read, before it was published


def damage(sql):
    connection.check_constraints()
    with triggers.suspended(connection), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("change", ["actor_name = 'Somebody'", "event_type = 'published'", "body = '{}'"])
def test_a_damaged_row_is_named(walked, change):
    _, second = walked
    row = second.events.get(sequence=3)
    call_command("verify_ledger", stderr=io.StringIO())
    damage(f"UPDATE baselines_baselineevent SET {change} WHERE sequence = 3 AND event_type = 'resubmitted'")
    with pytest.raises(CommandError) as found:
        call_command("verify_ledger", stderr=io.StringIO())
    assert str(row.pk) in str(found.value)


def test_a_row_that_is_not_as_its_history_left_it_is_named(walked, lab):
    assert list(verify_baselines()) == []
    first, second = walked
    Baseline.objects.filter(pk=first.pk).update(is_current=False)
    assert list(verify_baselines()) == [
        f"Protocol {lab.protocol.pk}: the current baseline is none, {first.pk} expected"
    ]
    Baseline.objects.filter(pk=second.pk).update(version_number=3)
    assert next(verify_baselines()).startswith(f"Protocol {lab.protocol.pk}: its baselines are numbered 1, 3")
    damage("UPDATE baselines_baselineevidence SET snapshot_text = '{}'")
    assert f"Baseline {first.pk}: its evidence is not what was submitted" in list(verify_baselines())
