"""Real processes on the real database: one current baseline, every number once, a sentence for who came second."""

import pytest

from accounts.models import User
from baselines.models import Baseline
from baselines.tests.lab import Lab, assert_sound, kinds
from baselines.transitions import publish_baseline, resubmit_baseline, review_baseline, roll_back_baseline
from tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab(transactional_db):
    User.objects.get_or_create(email="system@biolabs.invalid", defaults={"is_active": False, "full_name": "BioLabs"})
    return Lab()


def test_six_published_at_once_are_versions_1_to_6_and_one_is_current(lab):
    baselines = [lab.approved(run=lab.make_run(f"Plate {number}")) for number in range(6)]
    answers = at_once(*(lambda pk=row.pk: publish_baseline(pk, by=lab.rita) for row in baselines))
    assert answers == [[200, ""]] * 6
    rows = Baseline.objects.order_by("version_number")
    assert [row.version_number for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.is_current for row in rows] == [False] * 5 + [True]
    assert all(kinds(row) == ["submitted", "review.approve", "published"] for row in rows)
    superseded = [row.events.get(event_type="published").details["superseded_version"] for row in rows]
    assert superseded == [None, 1, 2, 3, 4, 5]
    assert_sound(lab.protocol)


def test_of_two_who_submit_again_one_is_heard_and_no_review_of_old_words_counts(lab):
    lab.add_qc(count=2)
    baseline = lab.rejected()
    one, other = ([str(row.reference_id)] for row in baseline.evidence)
    answers = at_once(
        lambda: resubmit_baseline(baseline.pk, by=lab.sam, qc_event_ids=one),
        lambda: resubmit_baseline(baseline.pk, by=lab.sam, qc_event_ids=other),
        lambda: review_baseline(baseline.pk, by=lab.rita, decision="approve", seen=baseline.event_count),
    )
    assert sorted(status for status, _ in answers[:2]) == [200, 409]
    assert answers[2][0] == 409
    fresh = Baseline.objects.get(pk=baseline.pk)
    assert (fresh.status, fresh.evidence_round, len(fresh.evidence)) == ("submitted", 2, 1)
    assert kinds(fresh) == ["submitted", "review.reject", "resubmitted"]
    assert_sound(lab.protocol)


def test_verbs_that_meet_on_one_protocol_neither_deadlock_nor_lose(lab):
    first, second = lab.published(), lab.published(run=lab.make_run("Plate 4"))
    waiting, approved = lab.submitted(), lab.approved(run=second.execution)
    answers = at_once(
        lambda: roll_back_baseline(second.pk, by=lab.ada, reason="Wrong", target_id=first.pk),
        lambda: roll_back_baseline(second.pk, by=lab.ada, reason="Wrong"),
        lambda: publish_baseline(approved.pk, by=lab.rita),
        lambda: review_baseline(waiting.pk, by=lab.rita, decision="approve"),
        lambda: review_baseline(waiting.pk, by=lab.ada, decision="reject", notes="No"),
        lambda: lab.submitted(run=second.execution),
    )
    assert all(status != 500 for status, _ in answers), answers
    statuses = [status for status, _ in answers]
    assert statuses[2] == statuses[5] == 200
    assert sorted(statuses[3:5]) == [200, 409]
    # Whoever was first; a rollback to a target loses also when the other version was published before it.
    assert statuses[:2].count(200) == 1
    assert Baseline.objects.get(pk=approved.pk).version_number == 3
    assert_sound(lab.protocol)
