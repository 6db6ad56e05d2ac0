"""Delegates are found by search with reasons, stages claimed over the API, and the API signs what was read."""

import pytest
from django.urls import reverse

from accounts.models import RoleGrant, User
from governance.blueprint import ad_hoc_ladder
from ledger.canonical import loads
from narratives.tests.conftest import PASSWORD
from narratives.tests.test_pages import client_of
from narratives.tests.test_since_signed import base
from narratives.transitions import request_export

LADDER = ad_hoc_ladder([{"name": "QA review", "required_role": "qa"}, {"name": "Release", "required_role": "approver"}])


@pytest.fixture
def export(lab):
    ravi = User.objects.create_user("ravi@lab.example", PASSWORD, full_name="Ravi Adeyemi")
    RoleGrant.objects.create(user=ravi, role="qa", team=lab.team)
    lab.ravi = ravi
    return request_export(lab.execution.pk, by=lab.jonas, blueprint=LADDER)


def search(person, export, q="", **headers):
    stage = export.ladder.stages.get(sequence_index=1)
    return client_of(person).get(reverse("export_delegates", args=[export.pk, stage.pk]), {"q": q}, **headers)


def test_the_search_shows_who_may_sign_and_says_why_others_are_missing(lab, export):
    html = search(lab.mira, export, headers={"HX-Request": "true"}).content.decode()
    assert "Ravi Adeyemi" in html
    assert "<html" not in html
    html = search(lab.ada, export, "o").content.decode()
    assert "Jonas Ortega does not hold the role qa here." in html
    assert "Search" in html or "Find a person" in html
    html = search(lab.ada, export, "ravi").content.decode()
    assert str(lab.ravi.pk) in html


def test_who_may_not_delegate_reads_why_and_no_names(lab, export):
    html = search(lab.jonas, export, "ravi", headers={"HX-Request": "true"}).content.decode()
    assert "You requested this, so you do not choose who signs it." in html
    assert "Ravi" not in html
    assert search(lab.sam, export, "ravi").status_code == 404


def test_hostile_searches_are_answered(lab, export):
    for q in ("\x00", "<script>", "%", "_" * 500, "'; --"):
        response = search(lab.mira, export, q)
        assert response.status_code == 200
        assert b"<script>" not in response.content


def test_a_stage_is_claimed_taken_over_and_released_over_the_api(lab, export):
    stage = export.ladder.stages.get(sequence_index=1)
    url = f"{base(lab)}/{export.pk}/stages/{stage.pk}/claim"
    assert client_of(lab.mira).post(url).status_code == 200
    again = client_of(lab.mira).post(url)
    assert (again.status_code, again.json()["code"]) == (409, "claimed_already")
    late = client_of(lab.ravi).post(url, {"take_over": False}, content_type="application/json")
    assert (late.status_code, late.json()["code"]) == (409, "claimed")
    assert client_of(lab.jonas).post(url).status_code == 403
    assert client_of(lab.sam).post(url).status_code == 404
    body = {"status": "approved", "signature": "Ravi Adeyemi", "password": PASSWORD}
    refused = client_of(lab.ravi).post(f"{base(lab)}/{export.pk}/approve", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "claimed")
    assert client_of(lab.ravi).post(url).status_code == 200
    assert client_of(lab.mira).delete(url).status_code == 403
    assert client_of(lab.ravi).delete(url).status_code == 200
    stage.refresh_from_db()
    assert stage.claimed_by is None


def test_the_api_signs_what_was_read_with_the_meaning_chosen(lab, export):
    url = f"{base(lab)}/{export.pk}/approve"
    body = {"status": "approved", "signature": "M. Kessler", "password": PASSWORD, "meaning": "reviewed"}
    for wrong in ({"content_digest": "0" * 64}, {"cycle": 2}):
        refused = client_of(lab.mira).post(url, body | wrong, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "record_changed")
    good = body | {"content_digest": export.content_digest, "cycle": 1}
    assert client_of(lab.mira).post(url, good, content_type="application/json").status_code == 200
    statement = loads(export.ladder.signatures.get().statement)
    assert statement["meaning"]["code"] == "reviewed"
    assert statement["subject"]["narrative_sha256"] == export.content_sha256


def delegate(person, export, index=1, **fields):
    stage = export.ladder.stages.get(sequence_index=index)
    return client_of(person).post(reverse("export_delegate", args=[export.pk, stage.pk]), fields)


@pytest.mark.parametrize("here", ["", "1"], ids=["on the export's page", "on the search's page"])
@pytest.mark.parametrize("index", [1, 2], ids=["stage in progress", "stage that waits"])
def test_a_refused_delegation_says_why_and_keeps_what_was_written(lab, export, here, index):
    typed = {"delegate_id": str(lab.jonas.pk), "notes": "On leave, typed at length", "q": "jon", "here": here}
    response = delegate(lab.ada, export, index, **typed)
    html = response.content.decode()
    assert response.status_code == 400
    assert "Jonas Ortega does not hold the role" in html
    assert "On leave, typed at length" in html
    assert ('value="jon"' in html) == bool(here)


@pytest.mark.parametrize("here", ["", "1"], ids=["on the export's page", "on the search's page"])
def test_who_may_no_longer_delegate_reads_why_and_keeps_what_was_written(lab, export, here):
    RoleGrant.objects.filter(user=lab.mira, role="qa").update(revoked_at=export.created_at, revoked_by=lab.ada)
    typed = {"delegate_id": str(lab.ravi.pk), "notes": "On leave, typed at length", "here": here}
    response = delegate(lab.mira, export, **typed)
    html = response.content.decode()
    assert response.status_code == 403
    assert "Mira Kessler does not hold the role qa here." in html
    assert "On leave, typed at length" in html


def test_a_deadline_for_a_stage_that_waits_is_refused_at_its_field(lab, export):
    typed = {"delegate_id": str(lab.lea.pk), "due_at": "2099-05-01T10:00", "here": "1"}
    response = delegate(lab.ada, export, 2, **typed)
    html = response.content.decode()
    assert response.status_code == 400
    assert "This stage has not started; its time limit begins when it does." in html
    assert 'value="2099-05-01T10:00"' in html
    assert f'value="{lab.lea.pk}" required checked' in html
