"""Claiming, releasing and presence on the pages: who could sign, who sees the run only, a stranger."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from accounts.models import RoleGrant, User
from approvals.presence import note_presence
from narratives.tests.conftest import PASSWORD
from narratives.tests.test_pages import LADDER, client_of, page, sign
from narratives.together import looking_words
from narratives.transitions import request_export


@pytest.fixture
def export(lab):
    lab.ravi = User.objects.create_user("ravi@lab.example", PASSWORD, full_name="Ravi Adeyemi")
    RoleGrant.objects.create(user=lab.ravi, role="qa", team=lab.team)
    return request_export(lab.execution.pk, by=lab.jonas, blueprint=LADDER)


def turn(user, export, verb="claim", **fields):
    stage = export.ladder.stages.first()
    return client_of(user).post(reverse(f"export_{verb}", args=[export.pk, stage.pk]), fields, follow=True)


def claimer(export):
    return export.ladder.stages.first().claimed_by


def presence(user, export, **params):
    return poll(client_of(user), export, **params)


def poll(client, export, **params):
    path = reverse("export_presence", args=[export.pk])
    return client.get(path, {"stage": str(export.ladder.stages.first().pk), **params})


def test_a_stage_is_claimed_and_released_and_one_comes_back_to_the_list(lab, export):
    answer = turn(lab.mira, export, next="/?q=SARS#stage-1")
    assert answer.redirect_chain == [("/?q=SARS#stage-1", 302)]
    assert "The stage is claimed by you." in answer.content.decode()
    assert claimer(export) == lab.mira
    assert turn(lab.mira, export, "release").redirect_chain == [(page(export), 302)]
    assert claimer(export) is None


def test_it_never_leads_out_of_the_portal(lab, export):
    assert turn(lab.mira, export, next="https://evil.org/").redirect_chain == [("/", 302)]


def test_a_refused_claim_says_why_and_changes_nothing(lab, export):
    assert "You requested this" in turn(lab.jonas, export).content.decode()
    turn(lab.mira, export)
    assert "You claimed this stage already." in turn(lab.mira, export).content.decode()
    assert "Mira Kessler claimed this stage" in turn(lab.ravi, export, "release").content.decode()
    assert claimer(export) == lab.mira


def test_a_stranger_and_a_stage_of_another_ladder_are_not_there(lab, export):
    assert turn(lab.sam, export).status_code == 404
    assert presence(lab.sam, export).status_code == 404
    assert presence(lab.mira, export, stage="\x00").status_code == 404
    other = request_export(lab.execution.pk, by=lab.jonas, blueprint=LADDER).ladder.stages.first()
    path = reverse("export_claim", args=[export.pk, other.pk])
    assert client_of(lab.mira).post(path).status_code == 404
    assert client_of(lab.mira).get(path).status_code == 405


def test_who_could_sign_is_told_who_else_looks_and_others_are_not(lab, export):
    assert "looking" not in client_of(lab.jonas).get(page(export)).content.decode()
    assert "looking" not in client_of(lab.mira).get(page(export)).content.decode()
    told = client_of(lab.ravi).get(page(export)).content.decode()
    assert "Mira Kessler is looking at this too." in told
    assert "looking" not in client_of(lab.lea).get(page(export)).content.decode()  # her stage has not started
    assert "Ravi Adeyemi is looking at this too." in presence(lab.mira, export).content.decode()


def test_a_refused_signature_leaves_one_looking(lab, export):
    note_presence(export.ladder_id, lab.ravi, export.created_at)
    refused = sign(client_of(lab.mira), export, password="not my password").content.decode()
    assert "Ravi Adeyemi is looking at this too." in refused


def test_polling_is_cheap_and_silent_while_nothing_changes(lab, export, django_assert_max_num_queries):
    note_presence(export.ladder_id, lab.ravi, export.created_at)
    client = client_of(lab.mira)
    with django_assert_max_num_queries(14):
        answer = poll(client, export, shown="")
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    assert poll(client, export, shown="Ravi Adeyemi is looking at this too.").status_code == 204


def test_who_reads_on_after_another_signed_is_told_and_polling_ends(lab, export):
    sign(client_of(lab.ravi), export)
    answer = presence(lab.mira, export)
    assert answer.status_code == 286
    assert "no longer waits for you" in answer.content.decode()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["A"], "A is looking at it."),
        (["A", "B"], "A and B are looking at it."),
        (["A", "B", "C", "D", "E"], "A, B, C and 2 more are looking at it."),
    ],
    ids=["nobody", "one", "two", "many"],
)
def test_who_looks_in_words(names, words):
    assert looking_words(names, "it") == words


def test_of_two_who_press_claim_the_second_loses_until_they_mean_to_take_over(lab, export):
    turn(lab.mira, export, unclaimed="1")
    html = turn(lab.ravi, export, unclaimed="1").content.decode()
    assert "Mira Kessler claimed this stage on" in html
    assert claimer(export) == lab.mira
    turn(lab.ravi, export)
    assert claimer(export) == lab.ravi


def test_the_button_says_what_its_reader_saw(lab, export):
    unclaimed = 'name="unclaimed"'
    for path in (page(export), "/"):
        assert unclaimed in client_of(lab.ravi).get(path).content.decode()
    turn(lab.mira, export)
    for path in (page(export), "/"):
        assert unclaimed not in client_of(lab.ravi).get(path).content.decode()


def test_who_was_signed_out_meanwhile_comes_back_to_the_page_the_form_was_on(client, lab):
    export = request_export(lab.execution.pk, by=lab.jonas)
    page, sign = reverse("export", args=[export.pk]) + "?tab=evidence", reverse("export_sign", args=[export.pk])
    answer = client.post(sign, {"notes": "Seen"}, headers={"Referer": f"http://testserver{page}"})
    assert answer.url == reverse("sign_in") + "?" + urlencode({"next": page})
    elsewhere = client.post(sign, {"notes": "Seen"}, headers={"Referer": "https://evil.example/"})
    assert "evil" not in elsewhere.url


def test_signing_out_on_purpose_leads_to_no_page_of_the_last_person(lab):
    answer = client_of(lab.mira).post(reverse("sign_out"), headers={"Referer": "http://testserver/exports/"})
    assert "next" not in answer.url
