import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from approvals.forms import SignForm
from approvals.models import ApprovalLadder
from approvals.tests.lab import DIGEST, approve, reject
from approvals.transitions import delegate_stage, reset_stage
from approvals.views import ladder_view


def page(ladder, user, **context):
    request = RequestFactory().get("/")
    request.user = user
    view = ladder_view(ApprovalLadder.objects.get(pk=ladder.pk), user, timezone.now())
    return render_to_string("approvals/_ladder.html", {"ladder_view": view, **context}, request)


def test_who_may_sign_gets_the_form_over_the_digest_and_the_others_why_not(lab):
    ladder = lab.ladder()
    html = page(ladder, lab.lea)
    assert f'name="digest" value="{DIGEST}"' in html
    assert "Sign and approve" in html
    html = page(ladder, lab.requester)
    assert "Sign and approve" not in html
    assert "You requested this, so you cannot sign it. Lea Novak can sign it." in html


def test_a_decision_shows_name_meaning_note_and_time(lab):
    ladder = lab.ladder()
    approve(lab, ladder, 1, lab.lea, meaning="reviewed", notes="Plate 3 <b>checked</b>")
    html = page(ladder, lab.mira)
    assert "Lea Novak · “I have reviewed this record”" in html
    assert "Plate 3 &lt;b&gt;checked&lt;/b&gt;" in html
    assert 'class="done"' in html


def test_an_earlier_cycles_decision_is_shown_as_superseded(lab):
    ladder = lab.ladder()
    stage = lab.stage(ladder, 1)
    reject(lab, ladder, 1, lab.lea, notes="Attach plate 3")
    assert "Reset this stage" in page(ladder, lab.requester)
    assert "Reset this stage" not in page(ladder, lab.lea)
    reset_stage(stage.pk, by=lab.requester, notes="Attached elsewhere")
    html = page(ladder, lab.lea)
    assert "Superseded, cycle 1: rejected by Lea Novak" in html
    assert "Reset by Jonas Ortega" in html
    assert "Sign and approve" in html


def test_a_delegated_stage_says_by_whom(lab):
    ladder = lab.ladder({"required_role": "qa_lead", "assignee_id": str(lab.mira.pk)})
    assert "assigned to you" in page(ladder, lab.mira)
    assert "Delegate…" in page(ladder, lab.mira)
    delegate_stage(lab.stage(ladder, 1).pk, by=lab.mira, delegate_id=lab.ravi.pk)
    html = page(ladder, lab.ravi)
    assert "delegated to you by Mira Kessler" in html
    assert "Delegate…" not in html


def test_a_refused_form_keeps_what_was_typed_but_the_password(lab):
    ladder = lab.ladder()
    form = SignForm({"notes": "Typed at length", "password": "secret-word", "digest": DIGEST, "meaning": "responsible"})
    form.add_error("password", "The password is wrong.")
    html = page(ladder, lab.lea, sign_form=form)
    assert "Typed at length" in html
    assert "secret-word" not in html
    assert 'value="responsible" selected' in html


def test_the_loser_of_a_race_reads_who_was_faster_and_keeps_the_note(lab):
    ladder = lab.ladder("scientist")
    form = SignForm({"notes": "Typed at length", "password": "secret-word", "digest": DIGEST, "meaning": "approved"})
    form.add_error(None, "Ada Ng already rejected this stage on 3 May 2026, 14:10 UTC.")
    approve(lab, ladder, 1, lab.lea)
    html = page(ladder, lab.mira, sign_form=form)
    assert "Ada Ng already rejected" in html
    assert "Typed at length" in html


@pytest.mark.parametrize("stages", [1, 30])
def test_queries_do_not_grow_with_stages(lab, stages, django_assert_num_queries):
    ladder = lab.ladder(*["scientist"] * stages)
    ladder = ApprovalLadder.objects.select_related("execution__protocol").get(pk=ladder.pk)
    with django_assert_num_queries(13):
        ladder_view(ladder, lab.lea, timezone.now())


def test_a_password_set_by_somebody_else_is_flagged_at_the_open_stage_and_at_what_was_signed_after(lab):
    from accounts.transitions import reset_password

    first = lab.ladder({"required_role": "scientist", "assignee_id": str(lab.lea.pk)}, "qa_lead")
    assert "set the password" not in page(first, lab.requester)
    approve(lab, first, 1, lab.lea)
    second = lab.ladder({"required_role": "scientist", "assignee_id": str(lab.lea.pk)})
    reset_password(lab.lea.pk, by=lab.admin, new_password="Amber-Kettle-1987")
    assert "Ada Admin set the password of Lea Novak on" in page(second, lab.requester)
    assert "set the password" not in page(first, lab.requester)
    lab.lea.refresh_from_db()
    lab.lea.must_change_password = False
    lab.lea.save()
    approve(lab, second, 1, lab.lea)
    assert "who had to choose a new one before signing" in page(second, lab.requester)
