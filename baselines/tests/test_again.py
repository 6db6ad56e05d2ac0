"""A rejected baseline is submitted again, also with another choice of what the run showed; what was stays readable."""

import io
import re

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from baselines.differences import differences
from baselines.models import Baseline, BaselineEvidence
from baselines.queries import with_details
from baselines.tests.lab import EXPORT_ID, LABELS, assert_sound, everything, kinds, last_event
from baselines.tests.test_api import client_of as api_of
from baselines.tests.test_history import damage
from baselines.tests.test_pages import page
from baselines.tests.test_pages_verbs import post
from baselines.tests.test_verbs import refused, stand_in_for_sam
from baselines.transitions import publish_baseline, resubmit_baseline, review_baseline
from baselines.verification import verify_baselines
from ledger.errors import Invalid, NotAllowed, TransitionDenied

OTHER_EXPORT = "7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d91"


@pytest.fixture
def rejected(lab):
    """With an export and two QC events attached; since the rejection there are one more of each."""
    lab.add_export()
    lab.add_qc(count=2)
    found = lab.rejected()
    lab.add_export(OTHER_EXPORT, 2)
    lab.add_qc()
    return found


def qc_ids(lab):
    events = lab.run.events.filter(event_type__startswith="qc.").order_by("sequence")
    return [str(pk) for pk in events.values_list("pk", flat=True)]


def shown(baseline):
    fresh = with_details(Baseline.objects.all()).get(pk=baseline.pk)
    return [str(row.reference_id) for row in fresh.evidence]


def test_a_rejected_one_is_submitted_again_and_its_history_keeps_what_it_was(lab):
    baseline = lab.rejected(labels=LABELS)
    again = resubmit_baseline(
        baseline.pk, by=lab.sam, description="With NTC", labels=[("assay", "N2")], reviewer_ids=[str(lab.mate.pk)]
    )
    assert (again.status, again.reviewed_by, again.review_notes) == ("submitted", None, "")
    assert list(again.reviewers.all()) == [lab.mate]
    assert kinds(again) == ["submitted", "review.reject", "resubmitted"]
    changes = last_event(again).details["changes"]
    assert changes["description"] == {"before": "", "after": "With NTC"}
    assert changes["labels"] == {"before": LABELS, "after": [{"key": "assay", "value": "N2"}]}
    names = [changes["reviewers"][when][0]["name"] for when in ("before", "after")]
    assert names == ["Rita Reviewer", "Mate Colleague"]
    assert "name" not in changes
    assert review_baseline(again.pk, by=lab.mate, decision="approve").status == "approved"
    assert_sound(lab.protocol)


def test_a_reviewer_who_was_replaced_reviews_no_more(lab):
    baseline = resubmit_baseline(lab.rejected().pk, by=lab.sam, reviewer_ids=[lab.mate.pk])
    refused(lambda: review_baseline(baseline.pk, by=lab.rita, decision="approve"), NotAllowed, "not_a_reviewer")


def test_what_is_not_given_stays(lab):
    baseline = resubmit_baseline(lab.rejected(labels=LABELS).pk, by=lab.sam)
    assert last_event(baseline).details == {"changes": {}}
    assert (baseline.labels.count(), list(baseline.reviewers.all())) == (2, [lab.rita])


def test_reviewers_kept_are_looked_at_again(lab):
    baseline = lab.rejected()
    stand_in_for_sam(lab, lab.rita)
    refused(lambda: resubmit_baseline(baseline.pk, by=lab.sam), Invalid, "submitters_stand_in")


@pytest.mark.parametrize("who", ["mate", "rita", "ada"])
def test_only_the_submitter_submits_again(lab, who):
    baseline = lab.rejected()
    refused(lambda: resubmit_baseline(baseline.pk, by=getattr(lab, who)), NotAllowed, "not_the_submitter")


def test_only_a_rejected_one_is_submitted_again(lab):
    for baseline in (lab.submitted(), lab.approved(), lab.published()):
        refused(lambda pk=baseline.pk: resubmit_baseline(pk, by=lab.sam), TransitionDenied, "not_rejected")


# --- Another choice of what the run showed --------------------------------------------------------------------------


def test_another_choice_is_a_round_of_its_own_and_the_event_keeps_both(lab, rejected):
    first, second, third = qc_ids(lab)
    again = resubmit_baseline(rejected.pk, by=lab.sam, export_ids=[OTHER_EXPORT], qc_event_ids=[second, third])
    assert (again.evidence_round, shown(again)) == (2, [OTHER_EXPORT, second, third])
    assert [str(row.reference_id) for row in again.evidence_rows.filter(round=1)] == [EXPORT_ID, first, second]
    changed = last_event(again).details["changes"]
    assert list(changed) == ["evidence"]
    before, after = ([piece["id"] for piece in changed["evidence"][when]] for when in ("before", "after"))
    assert (before, after) == ([EXPORT_ID, first, second], [OTHER_EXPORT, second, third])
    assert_sound(lab.protocol)


def test_what_is_not_named_stays_and_the_same_choice_changes_nothing(lab, rejected):
    first, second, _ = qc_ids(lab)
    again = resubmit_baseline(rejected.pk, by=lab.sam, export_ids=[EXPORT_ID], qc_event_ids=[second, first])
    assert (last_event(again).details["changes"], again.evidence_round) == ({}, 1)
    review_baseline(again.pk, by=lab.rita, decision="reject", notes="No")
    again = resubmit_baseline(again.pk, by=lab.sam, export_ids=[])
    assert (again.evidence_round, shown(again)) == (2, [first, second])
    review_baseline(again.pk, by=lab.rita, decision="reject", notes="No")
    again = resubmit_baseline(again.pk, by=lab.sam, qc_event_ids=[])
    assert (again.evidence_round, shown(again)) == (3, [])
    assert BaselineEvidence.objects.filter(baseline=again).count() == 5
    assert_sound(lab.protocol)


def test_what_another_run_showed_is_refused_again_and_nothing_is_written(lab, rejected):
    elsewhere, *_ = lab.add_qc(run=lab.make_run("Plate 4"))
    before = everything(), BaselineEvidence.objects.count()
    for given, field in (
        ({"qc_event_ids": [str(elsewhere.pk)]}, "qc_event_ids.0"),
        ({"export_ids": ["x"]}, "export_ids.0"),
        ({"qc_event_ids": "all"}, "qc_event_ids"),
    ):
        with pytest.raises(Invalid) as refusal:
            resubmit_baseline(rejected.pk, by=lab.sam, name="Other", **given)
        assert refusal.value.errors[0]["field"] == field
    assert (everything(), BaselineEvidence.objects.count()) == before


def test_publishing_and_differences_follow_the_last_choice(lab, rejected):
    *_, third = qc_ids(lab)
    standard = lab.published(export_ids=[], qc_event_ids=[third])
    again = resubmit_baseline(rejected.pk, by=lab.sam, export_ids=[], qc_event_ids=[third])
    review_baseline(again.pk, by=lab.rita, decision="approve")
    published = publish_baseline(again.pk, by=lab.rita)
    assert shown(published) == [third]
    assert differences(standard, published) == ()
    answer = api_of(lab.mate).get(f"/api/governance/baselines/{again.pk}").json()
    assert [piece["reference_id"] for piece in answer["evidence"]] == [third]


def test_verification_holds_every_choice_against_its_event(lab, rejected):
    *_, third = qc_ids(lab)
    again = resubmit_baseline(rejected.pk, by=lab.sam, export_ids=[], qc_event_ids=[third])
    fault = f"Baseline {again.pk}: its evidence is not what was submitted"
    assert list(verify_baselines()) == []
    call_command("verify_ledger", stderr=io.StringIO())
    Baseline.objects.filter(pk=again.pk).update(evidence_round=1)
    assert list(verify_baselines()) == [fault]
    Baseline.objects.filter(pk=again.pk).update(evidence_round=2)
    damage("UPDATE baselines_baselineevidence SET snapshot_text = '{}' WHERE round = 1")
    assert list(verify_baselines()) == [fault]


def test_no_choice_is_rewritten_and_none_names_a_thing_twice(lab, rejected):
    row = rejected.evidence[0]
    row.pk, row._state.adding = None, True
    with pytest.raises(IntegrityError), transaction.atomic():
        BaselineEvidence.objects.bulk_create([row])


def test_the_api_takes_the_choice_as_a_submission_does(lab, rejected):
    first, *_ = qc_ids(lab)
    path = f"/api/governance/baselines/{rejected.pk}/resubmit"
    api = api_of(lab.sam)
    for value in ("x", 7, [[]], {"a": 1}, [None]):
        for field in ("export_ids", "qc_event_ids"):
            assert api.post(path, {field: value}, format="json").status_code == 400, (field, value)
    assert api.post(path, {"seen": rejected.event_count - 1}, format="json").json()["code"] == "stale"
    answer = api.post(path, {"qc_event_ids": [first], "export_ids": None, "seen": rejected.event_count}, format="json")
    assert answer.status_code == 200
    assert [piece["reference_id"] for piece in answer.json()["evidence"]] == [EXPORT_ID, first]
    assert answer.json()["events"][-1]["details"]["changes"]["evidence"]["after"][0]["id"] == EXPORT_ID


# --- On the page ----------------------------------------------------------------------------------------------------


def ticked(told):
    return re.findall('name="(?:export|qc)" value="([^"]+)" checked>', told)


def test_what_stands_is_ticked_and_what_came_since_is_offered(lab, rejected):
    first, second, third = qc_ids(lab)
    told = page(lab.sam, "baseline_resubmit", rejected.pk)
    assert ticked(told) == [EXPORT_ID, first, second]
    assert f'value="{third}"' in told
    assert f'value="{OTHER_EXPORT}"' in told
    # A search posts the form: what one ticked meanwhile is kept.
    again = post(lab.sam, "baseline_resubmit", rejected.pk, do="find", person="mate", qc=[third])
    assert ticked(again.content.decode()) == [third]


def test_what_was_attached_is_offered_though_newer_ones_fill_the_list(lab, rejected, monkeypatch):
    monkeypatch.setattr("baselines.evidence.MOST", 1)
    assert ticked(page(lab.sam, "baseline_resubmit", rejected.pk)) == [EXPORT_ID, *qc_ids(lab)[:2]]


def test_the_page_submits_the_choice_and_the_reviewer_reads_what_changed(lab, rejected):
    first, _, third = qc_ids(lab)
    given = {"name": "N1 standard", "description": "With NTC", "reviewer": [str(lab.rita.pk)]}
    answer = post(lab.sam, "baseline_resubmit", rejected.pk, do="submit", export=[], qc=[first, third], **given)
    assert answer.status_code == 302
    assert shown(rejected) == [first, third]
    for told in (
        page(lab.rita, "baseline", rejected.pk),
        page(lab.mate, "baseline", rejected.pk, "?tab=events"),
    ):
        assert "No NTC" in told
        assert "Evidence removed: Narrative export, version 1" in told
        assert "Evidence added: Plate read" in told
        assert "<ins>+With NTC</ins>" in told
    review_baseline(rejected.pk, by=lab.rita, decision="approve")
    assert "rejected it before" not in page(lab.rita, "baseline", rejected.pk)


@pytest.mark.parametrize(("key", "value"), [("https://lot", ""), ("a: b", ""), ("ratio 1:2", "x: y"), ("k", ": v")])
def test_a_label_that_is_left_alone_stays_whatever_colons_are_in_it(lab, key, value):
    found = lab.rejected(labels=[(key, value)])
    lines = re.search("<textarea[^>]*name=.labels.[^>]*>([^<]*)", page(lab.sam, "baseline_resubmit", found.pk)).group(1)
    given = {"name": "N1 standard", "description": "Mended", "labels": lines.strip() + "\nnew: one"}
    assert post(lab.sam, "baseline_resubmit", found.pk, do="submit", **given).status_code == 302
    assert list(found.labels.order_by("id").values_list("key", "value")) == [(key, value), ("new", "one")]


def test_nobody_answers_a_rejection_they_have_not_read(lab, rejected):
    opened = page(lab.sam, "baseline_resubmit", rejected.pk)
    seen = re.search('name="seen" value="([0-9]+)"', opened).group(1)
    resubmit_baseline(rejected.pk, by=lab.sam, description="From another window")
    review_baseline(rejected.pk, by=lab.rita, decision="reject", notes="Name the lot")
    before = everything()
    answer = post(lab.sam, "baseline_resubmit", rejected.pk, do="submit", name="N1", description="Mine", seen=seen)
    told = answer.content.decode()
    assert answer.status_code == 409
    for words in ("submitted again and rejected again since you opened it", "Name the lot", "Mine"):
        assert words in told
    assert everything() == before
    with pytest.raises(TransitionDenied):
        resubmit_baseline(rejected.pk, by=lab.sam, seen=1)
    assert f'name="seen" value="{len(kinds(rejected))}"' in told
