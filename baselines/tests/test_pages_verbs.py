"""What people do on the pages of baselines; what is refused keeps what was typed."""

import re

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from accounts.models import User
from baselines.models import Baseline
from baselines.tests.lab import EXPORT_ID, kinds
from baselines.tests.test_pages import client_of, page
from baselines.transitions import publish_baseline, resubmit_baseline, review_baseline


def post(user, address, pk, /, **fields):
    return client_of(user).post(reverse(address, args=[pk]), fields)


def messages_of(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def submit(lab, **fields):
    given = {"do": "submit", "name": "N1 standard", "description": "Use tips", "labels": "assay: N1\ndye", **fields}
    return post(lab.sam, "baseline_new", lab.run.pk, **given)


# --- Submitting -----------------------------------------------------------------------------------------------------


def test_the_page_offers_what_the_run_showed_all_ticked_and_who_may_review(lab):
    lab.add_qc()
    lab.add_export()
    told = page(lab.sam, "baseline_new", lab.run.pk)
    assert len(re.findall('name="(?:export|qc)" value="[^"]+" checked>', told)) == 2
    assert "Narrative export, version 1" in told
    assert "Mate Colleague" in told
    assert "Stan Stranger" not in told
    assert "Sam Submitter is not listed: nobody reviews what they submit" in told


def test_a_run_is_submitted_with_labels_reviewers_and_only_what_is_ticked(lab):
    (event,) = lab.add_qc()
    lab.add_export()
    answer = submit(lab, reviewer=[str(lab.rita.pk), str(lab.mate.pk)], qc=[str(event.pk)])
    found = Baseline.objects.get()
    assert answer["Location"] == reverse("baseline", args=[found.pk])
    assert [(label.key, label.value) for label in found.labels.all()] == [("assay", "N1"), ("dye", "")]
    assert set(found.reviewers.all()) == {lab.rita, lab.mate}
    assert [str(row.reference_id) for row in found.evidence] == [str(event.pk)]
    assert found.description == "Use tips"


def test_a_button_that_is_pressed_twice_submits_once(lab):
    key = re.search('name="once" value="([^"]+)"', page(lab.sam, "baseline_new", lab.run.pk)).group(1)
    first, second = submit(lab, once=key), submit(lab, once=key)
    assert first["Location"] == second["Location"]
    assert Baseline.objects.count() == 1
    other = submit(lab, once=key, name="Another")
    assert other.status_code == 409
    assert "Press again for another one" in other.content.decode()
    key = re.search('name="once" value="([^"]+)"', other.content.decode()).group(1)
    assert submit(lab, once=key, name="Another").status_code == 302
    assert submit(lab, once="\u00e9" * 500).status_code == 400
    assert Baseline.objects.count() == 2


def test_a_search_for_reviewers_writes_nothing_and_loses_nothing(lab):
    lab.add_export()
    answer = submit(lab, do="find", person="mate", reviewer=[str(lab.ada.pk)], name="", labels="half a")
    told = answer.content.decode()
    assert answer.status_code == 200
    assert "Please check" not in told
    picker = answer.context["picker"]
    assert (picker.chosen, picker.found) == ([lab.ada], [lab.mate])
    assert "half a" in told
    assert f'value="{EXPORT_ID}">' in told  # it was not posted, so it is no longer ticked
    assert not Baseline.objects.exists()


def test_a_search_says_why_others_are_missing_and_finds_a_stranger_by_the_whole_address_alone(lab):
    lab.person("Gone Colleague", is_active=False)
    told = submit(lab, do="find", person="colleague").content.decode()
    assert f'value="{lab.mate.pk}"' in told
    assert "Gone Colleague is deactivated. Name somebody else." in told
    own = submit(lab, do="find", person="submitter").content.decode()
    assert "Sam Submitter is not listed: nobody reviews what they submit." in own
    assert "Why others are missing" not in own
    for part in ("Rita", "rita.reviewer@", "example.org"):
        assert str(lab.rita.pk) not in submit(lab, do="find", person=part).content.decode()
    answer = submit(lab, do="find", person="Rita.Reviewer@example.org")
    assert answer.context["picker"].found == [lab.rita]
    kept = submit(lab, do="find", person="mate", reviewer=[str(lab.rita.pk)])
    assert kept.context["picker"].chosen == [lab.rita]


def test_who_was_named_and_may_not_review_any_more_is_said_when_it_is_submitted_again(lab):
    found = lab.rejected(reviewer_ids=[lab.rita.pk, lab.stan.pk])
    User.objects.filter(pk=lab.stan.pk).update(is_active=False)
    told = page(lab.sam, "baseline_resubmit", found.pk)
    assert f'value="{lab.rita.pk}" checked' in told  # of another team: being named lets her see the run
    assert "No longer among them: Stan Stranger is deactivated. Name somebody else." in told
    again = post(lab.sam, "baseline_resubmit", found.pk, do="find", person="rita", reviewer=[])
    assert "Stan Stranger is deactivated" in again.content.decode()


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"name": ""}, 400, "This field is required"),
        ({"labels": "assay: N1\nAssay: N2"}, 400, "named twice"),
        ({"labels": ": N1"}, 400, "may not be empty"),
        ({"labels": "k" * 70}, 400, "At most 60 characters"),
        ({"reviewer": ["nonsense"]}, 400, "This is no identifier"),
        ({"reviewer": ["7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90"]}, 400, "There is no such person"),
        ({"export": ["7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90"]}, 400, "This run has no such export"),
    ],
)
def test_a_refused_submission_says_why_and_keeps_what_was_typed(lab, fields, status, sentence):
    answer = submit(lab, **{"description": "My long text", **fields})
    told = answer.content.decode()
    assert answer.status_code == status
    assert sentence in told
    assert "My long text" in told
    assert not Baseline.objects.exists()


def test_the_submitter_cannot_name_themselves(lab):
    answer = submit(lab, reviewer=[str(lab.sam.pk)])
    assert "Nobody reviews what they submitted" in answer.content.decode()
    assert not Baseline.objects.exists()


# --- Deciding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_a_reviewer_decides_with_notes(lab, decision, status):
    found = lab.submitted()
    answer = post(lab.rita, "baseline_review", found.pk, decision=decision, notes="Looked at twice")
    assert answer["Location"] == reverse("baseline", args=[found.pk])
    found.refresh_from_db()
    assert (found.status, found.review_notes) == (status, "Looked at twice")
    assert "Looked at twice" in page(lab.sam, "baseline", found.pk)


def test_a_rejection_needs_notes_and_a_rollback_a_reason(lab):
    found = lab.submitted()
    answer = post(lab.rita, "baseline_review", found.pk, decision="reject")
    assert (answer.status_code, kinds(found)) == (400, ["submitted"])
    assert "Say why you reject" in answer.content.decode()
    version = lab.published(name="V")
    answer = post(lab.ada, "baseline_roll_back", version.pk, reason="")
    assert answer.status_code == 400
    assert "Say why it is rolled back" in answer.content.decode()


def test_a_button_that_cannot_be_used_says_why_and_who_can(lab):
    found = lab.submitted()
    assert "You submitted this baseline, so somebody else reviews it." in page(lab.sam, "baseline", found.pk)
    told = page(lab.mate, "baseline", found.pk)
    assert "Only a reviewer named on this baseline or an administrator may review it." in told
    assert "Rita Reviewer" in told
    assert 'name="decision"' not in told
    review_baseline(found.pk, by=lab.rita, decision="approve")
    assert "may publish it" in page(lab.sam, "baseline", found.pk)
    publish_baseline(found.pk, by=lab.rita)
    assert "Only an administrator rolls a baseline back." in page(lab.rita, "baseline", found.pk)


def test_who_may_not_is_refused_whatever_the_page_shows(lab):
    found = lab.submitted()
    answer = post(lab.mate, "baseline_review", found.pk, decision="approve", notes="Typed by a colleague")
    assert answer.status_code == 403
    assert "Typed by a colleague" in answer.content.decode()
    assert kinds(found) == ["submitted"]


def test_when_somebody_was_faster_the_page_says_so_and_keeps_the_notes(lab):
    found = lab.submitted()
    review_baseline(found.pk, by=lab.ada, decision="approve", notes="First")
    answer = post(lab.rita, "baseline_review", found.pk, decision="reject", notes="My careful reasons")
    told = answer.content.decode()
    assert answer.status_code == 409
    assert "Ada Admin approved this baseline" in told
    assert "My careful reasons" in told
    assert 'name="decision"' not in told
    assert "Publish" in told
    assert kinds(found) == ["submitted", "review.approve"]


def test_a_reviewer_does_not_decide_on_words_they_have_not_read(lab):
    found = lab.submitted()
    opened = page(lab.rita, "baseline", found.pk)
    seen = re.search('name="seen" value="([0-9]+)"', opened).group(1)
    review_baseline(found.pk, by=lab.ada, decision="reject", notes="No NTC")
    resubmit_baseline(found.pk, by=lab.sam, description="Other words")
    answer = post(lab.rita, "baseline_review", found.pk, decision="approve", notes="As before", seen=seen)
    told = answer.content.decode()
    assert answer.status_code == 409
    assert "submitted again since you opened it" in told
    assert "As before" in told
    assert "Other words" in told
    assert kinds(found) == ["submitted", "review.reject", "resubmitted"]


def test_a_version_is_published_and_rolled_back_to_the_one_before(lab):
    first = lab.published(name="First")
    second = lab.approved(name="Second")
    assert "Version 1 stays published" in page(lab.rita, "baseline", second.pk)
    assert post(lab.rita, "baseline_publish", second.pk, notes="Go").status_code == 302
    third = lab.submitted(name="Never published")
    told = page(lab.ada, "baseline", second.pk)
    assert "v1, First" in told
    assert str(third.pk) not in told
    refused = post(
        lab.ada, "baseline_roll_back", second.pk, reason="Drift of the lamp", target_version_id=str(third.pk)
    )
    assert refused.status_code == 400
    assert "was never published" in refused.content.decode()
    assert "Drift of the lamp" in refused.content.decode()
    done = post(lab.ada, "baseline_roll_back", second.pk, reason="Drift of the lamp", target_version_id=str(first.pk))
    assert done.status_code == 302
    assert Baseline.objects.get(is_current=True) == first
    told = client_of(lab.mate).get(done["Location"]).content.decode()
    assert "Drift of the lamp" in told
    assert messages_of(done) == ["Version 2 is rolled back; First, version 1, is current again."]


def test_who_publishes_what_they_submitted_is_told_that_the_history_says_so(lab):
    found = lab.approved(by=lab.ada)
    assert "its history and the notices say that its submitter did" in page(lab.ada, "baseline", found.pk)
    assert "You submitted this baseline" not in page(lab.rita, "baseline", found.pk)
    post(lab.ada, "baseline_publish", found.pk)
    assert "Published as version 1 by its submitter" in page(lab.rita, "baseline", found.pk)


def test_a_page_says_which_version_is_current_and_offers_no_target_where_none_fits(lab):
    first = lab.published(name="First")
    assert "its protocol will have no current baseline" in page(lab.ada, "baseline", first.pk)
    lab.published(name="Second")
    told = page(lab.ada, "baseline", first.pk)
    assert ">v2, Second</a>" in told
    assert "not the current version, so none becomes current in its place" in told
    assert "Becomes current again" not in told
    # Sent from a page that was opened before: the target is refused, never dropped.
    answer = post(lab.ada, "baseline_roll_back", first.pk, reason="x", target_version_id=str(first.pk))
    assert answer.status_code == 400
    assert "Name an earlier one, or none" in answer.content.decode()
    second = Baseline.objects.get(name="Second")
    done = post(lab.ada, "baseline_roll_back", second.pk, reason="x")
    assert messages_of(done) == ["Version 2 is rolled back; none is current now."]
    assert "No version is current" in page(lab.mate, "baseline", first.pk)


# --- Submitting again -----------------------------------------------------------------------------------------------


def test_a_rejected_baseline_is_submitted_again_with_changes(lab):
    found = lab.rejected(labels=[{"key": "assay", "value": "N1"}], description="Old")
    form = page(lab.sam, "baseline_resubmit", found.pk)
    for words in ("No NTC", "Old", "assay: N1", "Rita Reviewer"):
        assert words in form, words
    given = {"do": "submit", "name": "N1 standard", "description": "New", "labels": "assay: N1"}
    answer = post(lab.sam, "baseline_resubmit", found.pk, reviewer=[str(lab.mate.pk)], **given)
    assert answer.status_code == 302
    found = Baseline.objects.get()
    assert (found.status, found.description, list(found.reviewers.all())) == ("submitted", "New", [lab.mate])
    assert "Submitted again, with changes of description and reviewers" in page(
        lab.sam, "baseline", found.pk, "?tab=events"
    )


def test_only_its_submitter_submits_it_again_and_only_when_it_is_rejected(lab):
    found = lab.rejected()
    given = {"do": "submit", "name": "N1", "description": "Kept words"}
    answer = post(lab.mate, "baseline_resubmit", found.pk, **given)
    assert answer.status_code == 403
    assert "Kept words" in answer.content.decode()
    waiting = lab.submitted(name="Waiting")
    answer = post(lab.sam, "baseline_resubmit", waiting.pk, **given)
    assert answer.status_code == 409
    assert "Kept words" in answer.content.decode()
    assert kinds(waiting) == ["submitted"]


# --- My work --------------------------------------------------------------------------------------------------------


def test_my_work_lists_what_waits_for_ones_review(lab):
    found = lab.submitted(name="Please read")
    answer = client_of(lab.rita).get(reverse("my_work") + "?tab=review")
    assert [row.pk for row in answer.context["page"].items] == [found.pk]
    assert ("review", "To review", 1) in answer.context["tabs"]
    alone = lab.submitted(name="For nobody", reviewer_ids=[])
    answer = client_of(lab.ada).get(reverse("my_work") + "?tab=review")
    assert [row.pk for row in answer.context["page"].items] == [alone.pk]
    assert "Nothing to review" in client_of(lab.mate).get(reverse("my_work") + "?tab=review").content.decode()
