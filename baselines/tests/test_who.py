"""Who may review: whom a search offers, and that no stand-in brings a right along."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Absence, Membership, User
from baselines.policies import (
    who_may_review,
    why_not_publish,
    why_not_resubmit,
    why_not_review,
    why_not_roll_back,
    why_not_submit,
)
from baselines.queries import baselines_to_review
from baselines.transitions import resubmit_baseline, review_baseline
from ledger.errors import NotAllowed


def away(person, stand_in):
    now = timezone.now()
    span = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(days=1)}
    Absence.objects.create(user=person, stand_in=stand_in, created_by=person, **span)


def offered(lab, submitter=None):
    return set(who_may_review(lab.run, submitter=submitter or lab.sam))


def test_a_search_offers_who_sees_the_run_or_holds_a_role_there(lab):
    everywhere, here, elsewhere = (lab.person(f"{name} Qa", team=None) for name in ("Eve", "Hans", "Els"))
    lab.grant(everywhere, "qa")
    lab.grant(here, "qa_lead", team=lab.team)
    lab.grant(elsewhere, "qa", team=lab.other_team)
    lab.person("Gone Qa", is_active=False)
    assert offered(lab) == {lab.mate, lab.ada, everywhere, here}
    assert offered(lab, submitter=lab.mate) == {lab.sam, lab.ada, everywhere, here}
    lab.submitted()
    assert lab.rita in offered(lab)


def test_a_search_leaves_out_who_stands_in_for_the_submitter(lab):
    away(lab.sam, lab.mate)
    assert offered(lab) == {lab.ada}


def test_a_search_needs_no_team(lab):
    lab.protocol.team = None
    lab.protocol.save()
    lab.run.refresh_from_db()
    assert offered(lab, submitter=lab.mate) == {lab.sam, lab.ada}


def test_who_stands_in_for_a_reviewer_does_not_review(lab):
    baseline = lab.submitted()
    away(lab.rita, lab.mate)
    with pytest.raises(NotAllowed) as refusal:
        review_baseline(baseline.pk, by=lab.mate, decision="approve")
    assert refusal.value.code == "not_a_reviewer"


def test_what_waits_for_a_review_waits_for_who_could_do_it_now(lab):
    named, unnamed = lab.submitted(), lab.submitted(reviewer_ids=[])

    def waiting(person):
        return set(baselines_to_review(User.objects.get(pk=person.pk)))

    assert (waiting(lab.rita), waiting(lab.ada), waiting(lab.sam)) == ({named}, {unnamed}, set())
    away(lab.sam, lab.rita)
    assert (waiting(lab.rita), waiting(lab.ada)) == (set(), {named, unnamed})
    away(lab.sam, lab.ada)
    assert waiting(lab.ada) == set()
    Absence.objects.all().delete()
    User.objects.filter(pk=lab.rita.pk).update(is_active=False)
    assert waiting(lab.ada) == {named, unnamed}


def test_who_left_the_team_does_not_submit_again(lab):
    baseline = lab.rejected(by=lab.mate)
    Membership.objects.filter(user=lab.mate).delete()
    with pytest.raises(NotAllowed) as refusal:
        resubmit_baseline(baseline.pk, by=lab.mate)
    assert refusal.value.code == "run_not_visible"


def test_the_sentence_beside_a_button_is_the_refusal(lab):
    submitted, approved, published, rejected = lab.submitted(), lab.approved(), lab.published(), lab.rejected()
    may = [
        (why_not_submit, lab.sam, lab.run),
        (why_not_review, lab.rita, submitted),
        (why_not_publish, lab.rita, approved),
        (why_not_roll_back, lab.ada, published),
        (why_not_resubmit, lab.sam, rejected),
    ]
    assert [why(user, subject) for why, user, subject in may] == [None] * 5
    assert why_not_submit(lab.stan, lab.run) == "Only who sees this run may submit it as a baseline."
    assert why_not_review(lab.sam, submitted) == "You submitted this baseline, so somebody else reviews it."
    assert why_not_roll_back(lab.rita, published) == "Only an administrator rolls a baseline back."
    assert why_not_resubmit(lab.rita, rejected) == "Only who submitted this baseline may submit it again."
    assert why_not_review(User.objects.get(pk=lab.rita.pk), approved).startswith("Rita Reviewer approved this")
