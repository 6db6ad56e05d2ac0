"""The admin shows baselines and changes them only by the verbs of the portal."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from baselines.models import Baseline, BaselineLabel, BaselineReviewer
from baselines.tests.lab import everything, kinds
from baselines.transitions import resubmit_baseline

LIST = reverse("admin:baselines_baseline_changelist")


@pytest.fixture
def ada(lab, client):
    client.force_login(lab.ada)
    return client


def act(client, action, *rows, **given):
    body = {"action": action, "_selected_action": [str(row.pk) for row in rows], **given}
    answer = client.post(LIST, body)
    return answer, [str(message) for message in get_messages(answer.wsgi_request)]


def test_nothing_is_added_changed_or_deleted_by_hand(lab, ada):
    baseline = lab.published()
    page = reverse("admin:baselines_baseline_change", args=[baseline.pk])
    before = everything()
    assert ada.get(page).status_code == ada.get(LIST).status_code == 200
    assert ada.post(page, {"status": "rolled_back"}).status_code == 403
    assert ada.get(reverse("admin:baselines_baseline_add")).status_code == 403
    assert ada.post(reverse("admin:baselines_baseline_delete", args=[baseline.pk]), {"post": "yes"}).status_code == 403
    act(ada, "delete_selected", baseline, post="yes")
    assert ada.get(reverse("admin:baselines_baselineevent_changelist")).status_code == 200
    assert everything() == before


def test_an_action_asks_first_and_then_goes_through_the_verb(lab, ada):
    baseline = lab.submitted()
    asked, _ = act(ada, "approve", baseline)
    assert b"Yes, approve" in asked.content
    assert kinds(baseline) == ["submitted"]
    _, told = act(ada, "approve", baseline, confirm="yes", notes="Sound")
    assert told == ["Approved N1 standard."]
    _, told = act(ada, "publish", baseline, confirm="yes")
    assert told[-1] == "Published N1 standard, version 1."
    assert kinds(baseline) == ["submitted", "review.approve", "published"]


def test_rejecting_and_rolling_back_need_a_reason(lab, ada):
    rejected, first, second = lab.submitted(), lab.published(), lab.published()
    before = everything()
    for action, row in (("reject", rejected), ("roll_back", second)):
        answer, told = act(ada, action, row, confirm="yes", notes=" ")
        assert (answer.status_code, len(told)) == (200, 1)
    assert everything() == before
    asked, _ = act(ada, "roll_back", second)
    assert str(first.pk) in asked.content.decode()
    act(ada, "roll_back", second, confirm="yes", notes="Primer lot", target=str(first.pk))
    act(ada, "reject", rejected, confirm="yes", notes="No NTC")
    assert Baseline.objects.get(is_current=True) == first
    assert Baseline.objects.get(pk=rejected.pk).review_notes == "No NTC"


def test_a_refusal_is_shown_and_the_others_go_on(lab, ada):
    own, other = lab.submitted(by=lab.ada), lab.submitted()
    _, told = act(ada, "approve", own, other, confirm="yes")
    assert told == [
        "N1 standard: You submitted this baseline, so somebody else reviews it.",
        "Approved N1 standard.",
    ]


def test_who_publishes_their_own_reads_it_before(lab, ada):
    own, other = lab.approved(by=lab.ada, name="Mine"), lab.approved()
    asked, _ = act(ada, "publish", own, other)
    assert asked.content.decode().count("its history will say that its submitter published it") == 1


@pytest.mark.parametrize("staff", [False, True])
def test_only_administrators_enter(lab, client, staff):
    lab.mate.is_staff = staff
    lab.mate.save()
    client.force_login(lab.mate)
    assert client.get(LIST).status_code in (302, 403)
    act(client, "approve", lab.submitted(), confirm="yes")
    assert Baseline.objects.get().status == "submitted"


def test_what_was_typed_stays_when_all_are_refused_and_unread_words_are_not_approved(lab, ada):
    rejected = lab.rejected()
    again = resubmit_baseline(rejected.pk, by=lab.sam, description="Other words")
    asked, told = act(
        ada, "approve", again, confirm="yes", notes="Sound", **{f"seen-{again.pk}": again.event_count - 1}
    )
    assert "changed and submitted again since you opened it" in told[-1]
    assert ">Sound</textarea>" in asked.content.decode()
    assert f'name="seen-{again.pk}" value="{again.event_count}"' in asked.content.decode()
    first, second = lab.published(), lab.published()
    answer, _ = act(ada, "roll_back", second, confirm="yes", notes="x" * 10_001, target=str(first.pk))
    assert f'value="{first.pk}" selected' in answer.content.decode()
    assert kinds(second)[-1] == "published"


def test_lists_and_a_page_ask_as_often_for_thirty_rows_as_for_one(lab, ada):
    baseline = lab.published()
    addresses = [
        LIST,
        reverse("admin:baselines_baselineevent_changelist"),
        reverse("admin:baselines_baseline_change", args=[baseline.pk]),
    ]
    for address in addresses:
        ada.get(address)  # what Django looks up once and keeps is not counted
    one = [queries_of(ada, address) for address in addresses]
    for number in range(30):
        person = lab.person(f"Reviewer {number}")
        BaselineReviewer.objects.create(baseline=baseline, user=person)
        BaselineLabel.objects.create(baseline=baseline, key=f"k{number}")
        lab.submitted(by=person, reviewer_ids=[])
    assert [queries_of(ada, address) for address in addresses] == one


def queries_of(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)
