"""Submit, review, publish, roll back, submit again: what works, what is refused, and that refusals write nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Absence, Notification
from baselines.models import Baseline, BaselineReviewer
from baselines.queries import current_baseline
from baselines.tests.lab import LABELS, assert_sound, everything, kinds, last_event
from baselines.transitions import (
    publish_baseline,
    resubmit_baseline,
    review_baseline,
    roll_back_baseline,
    submit_baseline,
)
from baselines.words import told as told_in_words
from experiments.models import Execution, ExecutionEvent
from ledger.errors import Invalid, NotAllowed, TransitionDenied


def told(kind):
    return sorted(Notification.objects.filter(kind=kind).values_list("user__full_name", flat=True))


def refused(call, error, code):
    before = everything()
    with pytest.raises(error) as refusal:
        call()
    assert refusal.value.code == code
    assert refusal.value.sentence.endswith(".")
    assert everything() == before
    return refusal.value


# --- Submit ---------------------------------------------------------------------------------------------------------


def test_a_run_is_put_forward_and_its_reviewer_may_see_it(lab):
    baseline = lab.submitted(description="# Why\n\nClean NTC", labels=LABELS)
    assert (baseline.status, baseline.version_number, baseline.is_current) == ("submitted", None, False)
    assert baseline.protocol == lab.protocol
    assert list(baseline.labels.values("key", "value")) == LABELS
    assert list(baseline.reviewers.all()) == [lab.rita]
    assert Execution.objects.visible_to(lab.rita).filter(pk=lab.run.pk).exists()
    assert kinds(baseline) == ["submitted"]
    assert told("baseline_to_review") == ["Rita Reviewer"]
    assert_sound(lab.protocol)


def test_submitting_writes_nothing_on_the_timeline_of_the_run(lab):
    before = ExecutionEvent.objects.count()
    lab.submitted()
    assert ExecutionEvent.objects.count() == before


def test_without_reviewers_the_administrators_are_asked(lab):
    lab.submitted(reviewer_ids=[])
    assert told("baseline_to_review") == ["Ada Admin"]


def test_who_does_not_see_the_run_does_not_submit_it(lab):
    refused(lambda: lab.submitted(by=lab.stan), NotAllowed, "run_not_visible")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": 5}, "name"),
        ({"description": "nul\x00"}, "description"),
        ({"description": ["x"]}, "description"),
        ({"labels": "assay"}, "labels"),
        ({"labels": ["assay"]}, "labels.0"),
        ({"labels": [{"key": "a", "value": "1", "more": 1}]}, "labels.0"),
        ({"labels": [{"key": "", "value": "x"}]}, "labels.0.key"),
        ({"labels": [{"key": "a", "value": 7}]}, "labels.0.value"),
        ({"labels": [{"key": "a", "value": "evil\u202etxt"}]}, "labels.0.value"),
        ({"labels": [{"key": "Lot", "value": "1"}, {"key": "lot", "value": "2"}]}, "labels.1.key"),
        ({"labels": [{"key": "ﬁt", "value": "1"}, {"key": "fit", "value": "2"}]}, "labels.1.key"),
        ({"labels": [{"key": str(n)} for n in range(51)]}, "labels"),
        ({"reviewer_ids": "everybody"}, "reviewer_ids"),
        ({"reviewer_ids": ["nobody"]}, "reviewer_ids.0"),
        ({"reviewer_ids": ["11111111-1111-4111-8111-111111111111"]}, "reviewer_ids"),
        ({"export_ids": ["11111111-1111-4111-8111-111111111111"]}, "export_ids.0"),
        ({"qc_event_ids": ["11111111-1111-4111-8111-111111111111"]}, "qc_event_ids.0"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(lab, given, field):
    before = everything()
    with pytest.raises(Invalid) as refusal:
        lab.submitted(**given)
    assert refusal.value.errors[0]["field"] == field
    assert everything() == before


def test_hostile_labels_are_kept_as_they_are_when_they_are_one_line(lab):
    hostile = [{"key": "<script>alert(1)</script>", "value": "'); DROP TABLE baselines;-- {{ 7*7 }}"}]
    assert last_event(lab.submitted(labels=hostile)).details["labels"] == hostile


@pytest.mark.parametrize("who", ["sam", "gone", "away"])
def test_who_cannot_review_is_not_named_as_a_reviewer(lab, who):
    lab.gone = lab.person("Gone Away", is_active=False)
    lab.away = lab.person("Stand In")
    stand_in_for_sam(lab, lab.away)
    code = {"sam": "own_submission", "gone": "inactive", "away": "submitters_stand_in"}[who]
    refused(lambda: lab.submitted(reviewer_ids=[getattr(lab, who).pk]), Invalid, code)


def stand_in_for_sam(lab, person):
    now = timezone.now()
    Absence.objects.create(
        user=lab.sam,
        stand_in=person,
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(days=1),
        created_by=lab.sam,
    )


# --- Review ---------------------------------------------------------------------------------------------------------


def test_a_reviewer_approves(lab):
    baseline = review_baseline(lab.submitted().pk, by=lab.rita, decision="approve", notes="Sound")
    assert (baseline.status, baseline.reviewed_by, baseline.review_notes) == ("approved", lab.rita, "Sound")
    assert kinds(baseline) == ["submitted", "review.approve"]
    assert last_event(baseline).details == {"notes": "Sound"}
    assert told("baseline_reviewed") == ["Sam Submitter"]


def test_a_rejection_says_why(lab):
    baseline = lab.submitted()
    refused(lambda: review_baseline(baseline.pk, by=lab.rita, decision="reject", notes=" "), Invalid, "required")
    assert lab.rejected().status == "rejected"


def test_an_administrator_reviews_without_being_named(lab):
    assert review_baseline(lab.submitted().pk, by=lab.ada, decision="approve").reviewed_by == lab.ada


def test_a_decision_is_approve_or_reject(lab):
    baseline = lab.submitted()
    for decision in ("maybe", None, ["approve"], True):
        call = lambda decision=decision: review_baseline(baseline.pk, by=lab.rita, decision=decision)  # noqa: E731
        refused(call, Invalid, "invalid_choice")


@pytest.mark.parametrize(
    ("who", "code"), [("sam", "own_submission"), ("mate", "not_a_reviewer"), ("stan", "not_a_reviewer")]
)
def test_others_do_not_review(lab, who, code):
    baseline = lab.submitted()
    refused(lambda: review_baseline(baseline.pk, by=getattr(lab, who), decision="approve"), NotAllowed, code)


def test_an_administrator_does_not_review_their_own(lab):
    baseline = lab.submitted(by=lab.ada)
    refused(lambda: review_baseline(baseline.pk, by=lab.ada, decision="approve"), NotAllowed, "own_submission")


def test_what_counts_is_the_moment_of_the_act(lab):
    baseline = lab.submitted()
    review = lambda: review_baseline(baseline.pk, by=lab.rita, decision="approve")  # noqa: E731
    stand_in_for_sam(lab, lab.rita)
    refused(review, NotAllowed, "submitters_stand_in")
    Absence.objects.update(cancelled_at=timezone.now(), cancelled_by=lab.sam)
    type(lab.rita).objects.filter(pk=lab.rita.pk).update(is_active=False)
    refused(review, NotAllowed, "inactive")
    type(lab.rita).objects.filter(pk=lab.rita.pk).update(is_active=True)
    BaselineReviewer.objects.all().delete()
    refused(review, NotAllowed, "not_a_reviewer")


def test_the_second_reviewer_reads_who_was_first(lab):
    baseline = lab.approved()
    refusal = refused(
        lambda: review_baseline(baseline.pk, by=lab.ada, decision="reject", notes="No"),
        TransitionDenied,
        "not_to_review",
    )
    assert "Rita Reviewer approved this baseline on" in refusal.sentence


# --- Publish --------------------------------------------------------------------------------------------------------


def test_publishing_makes_the_next_version_current_and_the_former_stays_published(lab):
    first, second = lab.published(), lab.published()
    first.refresh_from_db()
    assert (first.status, first.version_number, first.is_current) == ("published", 1, False)
    assert (second.version_number, second.is_current) == (2, True)
    assert last_event(second).details == {
        "notes": "For all plates",
        "version_number": 2,
        "superseded_id": str(first.pk),
        "superseded_version": 1,
        "published_by_submitter": False,
    }
    assert current_baseline(lab.protocol.pk) == second
    assert told("baseline_published") == ["Mate Colleague"] * 2 + ["Sam Submitter"] * 2
    assert_sound(lab.protocol)


def test_versions_count_per_protocol(lab):
    other = lab.make_run("Other", lab.make_protocol("ELISA"))
    assert [lab.published().version_number, lab.published(run=other).version_number] == [1, 1]


def test_only_what_is_approved_is_published_and_only_once(lab):
    for baseline in (lab.submitted(), lab.rejected(), lab.published()):
        refused(lambda pk=baseline.pk: publish_baseline(pk, by=lab.rita), TransitionDenied, "not_approved")


@pytest.mark.parametrize("who", ["sam", "mate", "stan"])
def test_others_do_not_publish(lab, who):
    baseline = lab.approved()
    refused(lambda: publish_baseline(baseline.pk, by=getattr(lab, who)), NotAllowed, "not_a_reviewer")


def test_an_administrator_publishes_their_own_only_after_somebody_else_approved_and_it_says_so(lab):
    waiting = lab.submitted(by=lab.ada, name="Mine")
    refused(lambda: publish_baseline(waiting.pk, by=lab.ada), TransitionDenied, "not_approved")
    review_baseline(waiting.pk, by=lab.rita, decision="approve")
    published = publish_baseline(waiting.pk, by=lab.ada)
    event = last_event(published)
    assert event.details["published_by_submitter"] is True
    assert told_in_words(event.event_type, event.details) == "Published as version 1 by who submitted it"
    body = Notification.objects.filter(kind="baseline_published").first().body
    assert body.endswith("Rita Reviewer approved it. Ada Admin had submitted it.")


# --- Roll back ------------------------------------------------------------------------------------------------------


def test_with_a_target_the_earlier_version_is_current_again_and_both_say_so(lab):
    first, second = lab.published(), lab.published()
    rolled = roll_back_baseline(second.pk, by=lab.ada, reason="Primer lot", target_id=str(first.pk))
    first.refresh_from_db()
    assert (rolled.status, rolled.is_current, rolled.rollback_of) == ("rolled_back", False, first)
    assert (rolled.rolled_back_by, rolled.rollback_notes, rolled.version_number) == (lab.ada, "Primer lot", 2)
    assert (first.status, first.is_current) == ("published", True)
    assert last_event(rolled).details == {
        "notes": "Primer lot",
        "version_number": 2,
        "was_current": True,
        "restored_id": str(first.pk),
        "restored_version": 1,
    }
    assert last_event(first).details == {
        "notes": "Primer lot",
        "version_number": 1,
        "rolled_back_id": str(rolled.pk),
        "rolled_back_version": 2,
    }
    assert told("baseline_rolled_back") == ["Mate Colleague", "Rita Reviewer", "Sam Submitter"]
    body = Notification.objects.filter(kind="baseline_rolled_back").first().body
    assert body.startswith("Ada Admin rolled it back. N1 standard, version 1, is current again. Why: ")
    assert_sound(lab.protocol)


def test_without_a_target_none_is_current_and_the_number_is_not_used_again(lab):
    lab.published()
    roll_back_baseline(lab.published().pk, by=lab.ada, reason="Wrong")
    assert current_baseline(lab.protocol.pk) is None
    assert lab.published().version_number == 3
    assert_sound(lab.protocol)


def test_rolling_back_an_older_version_leaves_the_current_one(lab):
    first, second, third = lab.published(), lab.published(), lab.published()
    roll = lambda **target: roll_back_baseline(second.pk, by=lab.ada, reason="Wrong", **target)  # noqa: E731
    refused(lambda: roll(target_id=first.pk), TransitionDenied, "not_current")
    roll()
    assert current_baseline(lab.protocol.pk) == third


@pytest.mark.parametrize("who", ["sam", "mate", "rita"])
def test_only_an_administrator_rolls_back(lab, who):
    baseline = lab.published()
    by = getattr(lab, who)
    refused(lambda: roll_back_baseline(baseline.pk, by=by, reason="x"), NotAllowed, "administrators_only")


def test_only_what_is_published_is_rolled_back_with_a_reason_and_once(lab):
    baseline = lab.published()
    refused(lambda: roll_back_baseline(baseline.pk, by=lab.ada, reason=""), Invalid, "required")
    roll_back_baseline(baseline.pk, by=lab.ada, reason="Wrong")
    for row in (baseline, lab.submitted(), lab.approved(), lab.rejected()):
        again = lambda pk=row.pk: roll_back_baseline(pk, by=lab.ada, reason="Wrong")  # noqa: E731
        refused(again, TransitionDenied, "not_published")


def test_targets_that_are_no_earlier_published_version_of_the_protocol_are_refused(lab):
    rolled, first, second = lab.published(), lab.published(), lab.published()
    roll_back_baseline(rolled.pk, by=lab.ada, reason="Wrong")
    elsewhere = lab.published(run=lab.make_run("Other", lab.make_protocol("ELISA")))
    wrong = {
        "unknown_target": [elsewhere.pk, "not-an-id", 7, lab.run.pk, ["x"]],
        "same_version": [second.pk],
        "target_not_published": [lab.approved().pk, lab.submitted().pk, lab.rejected().pk],
        "target_rolled_back": [rolled.pk],
    }
    for code, targets in wrong.items():
        for target in targets:
            roll = lambda target=target: roll_back_baseline(  # noqa: E731
                second.pk, by=lab.ada, reason="Wrong", target_id=target
            )
            assert refused(roll, Invalid, code).errors[0]["field"] == "target_version_id"
    later = lambda: roll_back_baseline(first.pk, by=lab.ada, reason="x", target_id=second.pk)  # noqa: E731
    refused(later, Invalid, "target_later")


# --- Whatever happens -----------------------------------------------------------------------------------------------


def test_when_the_history_cannot_be_written_nothing_is(lab, monkeypatch):
    baselines = {"review": lab.submitted(), "publish": lab.approved(), "roll": lab.published(), "again": lab.rejected()}
    verbs = [
        lab.submitted,
        lambda: review_baseline(baselines["review"].pk, by=lab.rita, decision="approve"),
        lambda: publish_baseline(baselines["publish"].pk, by=lab.rita),
        lambda: roll_back_baseline(baselines["roll"].pk, by=lab.ada, reason="x"),
        lambda: resubmit_baseline(baselines["again"].pk, by=lab.sam, name="Other"),
    ]
    before = everything()

    def fail(*arguments, **changes):
        raise RuntimeError("no disk")

    monkeypatch.setattr("baselines.models.BaselineEvent.objects.create", fail)
    for verb in verbs:
        with pytest.raises(RuntimeError):
            verb()
    assert everything() == before


def test_an_unknown_baseline_or_run_is_not_there(lab):
    for verb in (lambda pk: publish_baseline(pk, by=lab.ada), lambda pk: resubmit_baseline(pk, by=lab.sam)):
        with pytest.raises(Baseline.DoesNotExist):
            verb(lab.run.pk)
    with pytest.raises(Execution.DoesNotExist):
        submit_baseline(lab.protocol.pk, by=lab.sam, name="x")
