"""A later version or cycle shows what changed since one signed, and a rejected one leads to the next version."""

import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.passwords import Authentication
from approvals.transitions import approve_stage, reject_stage, reset_stage
from approvals.transitions_claim import claim_stage, release_stage
from governance.blueprint import ad_hoc_ladder
from narratives.models import NarrativeExport
from narratives.tests.conftest import record
from narratives.tests.test_pages import client_of, page
from narratives.transitions import request_export

QA = {"name": "QA review", "required_role": "qa", "sla_hours": 24}
LADDER = ad_hoc_ladder([QA, {"name": "Release", "required_role": "approver"}])
LONGER = ad_hoc_ladder([QA | {"sla_hours": 48}, {"name": "Release", "required_role": "approver"}])


@pytest.fixture
def rejected(lab):
    """Version 1, with one QC event, signed by Mira at stage 1 and rejected by Lea at stage 2."""
    plate = lab.execution.events.first()
    export = request_export(
        lab.execution.pk, by=lab.jonas, attachments=[{"qc_event_id": str(plate.pk)}], blueprint=LADDER
    )
    decide(approve_stage, export, 1, lab.mira, meaning="reviewed")
    decide(reject_stage, export, 2, lab.lea, notes="Attach plate 3\nand its raw file")
    return export


def decide(verb, export, index, by, **changes):
    return verb(
        export.ladder.stages.get(sequence_index=index).pk,
        by=by,
        authentication=Authentication("password", timezone.now()),
        expected_digest=export.content_digest,
        **changes,
    )


def seen(client, url):
    response = client.get(url)
    assert response.status_code == 200
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


def base(lab):
    return f"/api/experiment-console/sessions/{lab.execution.pk}/exports/narrative"


def test_the_next_version_shows_what_changed_in_narrative_evidence_and_ladder(lab, rejected):
    note = record(lab, "note.plate", {"text": "Plate 3 attached"})
    second = request_export(lab.execution.pk, by=lab.jonas, attachments=[{"event_id": str(note.pk)}], blueprint=LONGER)
    client = client_of(lab.mira)
    assert "You approved version 1" in seen(client, page(second))
    words = seen(client, page(second, "changes&against=signed"))
    assert "You approved version 1, stage 1, QA review" in words
    assert "QA review, time limit: 24 hours → 48 hours" in words
    assert "Plate 3 attached" in words
    assert "added" in words
    assert "removed" in words
    assert "What changed since you signed" not in seen(client_of(lab.jonas), page(second))


def test_after_a_reset_the_record_is_the_same_and_the_acts_since_are_told(lab, rejected):
    reset_stage(rejected.ladder.stages.get(sequence_index=1).pk, by=lab.ada, notes="Wrong reviewer")
    words = seen(client_of(lab.mira), page(rejected, "changes&against=signed"))
    assert "The record is the same, byte for byte" in words
    assert re.search(r"Rejected Lea Novak, stage 2, Release .*Attach plate 3 and its raw file", words)
    assert re.search(r"Reset Ada Ng, stage 1, QA review .*Wrong reviewer", words)


def test_a_signature_in_force_on_this_record_is_nothing_to_compare_with(lab, rejected):
    assert "What changed since you signed" not in seen(client_of(lab.mira), page(rejected, "changes&against=signed"))


def test_the_api_answers_the_same(lab, rejected):
    note = record(lab, "note.plate", {"text": "Plate 3 attached"})
    second = request_export(lab.execution.pk, by=lab.jonas, attachments=[{"event_id": str(note.pk)}], blueprint=LONGER)
    answer = client_of(lab.mira).get(f"{base(lab)}/{second.pk}/diff?against=signed").json()
    assert answer["against"] == str(rejected.pk)
    assert answer["signed_at"] is not None
    assert answer["ladder"] == ["QA review, time limit: 24 hours → 48 hours"]
    assert "Plate 3 attached" in answer["diff"]
    assert len(answer["evidence"]["added"]) == len(answer["evidence"]["removed"]) == 1
    refused = client_of(lab.jonas).get(f"{base(lab)}/{second.pk}/diff?against=signed")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_signed")
    assert client_of(lab.sam).get(f"{base(lab)}/{second.pk}/diff?against=signed").status_code == 404


def test_a_rejected_export_says_what_is_asked_and_leads_to_the_next_version(lab, rejected):
    client = client_of(lab.jonas)
    html = client.get(page(rejected)).content.decode()
    assert "Attach plate 3<br>and its raw file" in html
    compose = reverse("export_compose", args=[lab.execution.pk]) + f"?from={rejected.pk}"
    assert compose in html
    html = client.get(compose).content.decode()
    attachment = rejected.attachments.get()
    value = f"{attachment.evidence.evidence_type}:{attachment.evidence.reference_id}"
    assert f'name="pick" value="{value}" checked' in html
    assert "Attach plate 3<br>and its raw file" in html
    assert re.search(r'name="stage-1-name"[^>]*value="Release"', html)


def test_the_form_keeps_the_version_it_started_from_when_it_is_refused(lab, rejected):
    fields = {"do": "request", "from": str(rejected.pk), "ladder": "ad_hoc", "stage-0-role": "nobody has it!"}
    response = client_of(lab.jonas).post(reverse("export_compose", args=[lab.execution.pk]), fields)
    assert response.status_code == 400
    assert f'name="from" value="{rejected.pk}"' in response.content.decode()
    assert NarrativeExport.objects.count() == 1


def test_another_runs_export_is_no_start(lab, rejected):
    from narratives.tests.conftest import make_execution

    other = make_execution(lab, "Another run")
    url = reverse("export_compose", args=[other.pk])
    assert client_of(lab.jonas).get(f"{url}?from={rejected.pk}").status_code == 404
    assert client_of(lab.jonas).get(f"{url}?from=x").status_code == 404


def test_a_claim_since_one_signed_is_told_as_what_it_was(lab, rejected):
    second = request_export(lab.execution.pk, by=lab.jonas, blueprint=LADDER)
    stage = second.ladder.stages.get(sequence_index=1)
    claim_stage(stage.pk, by=lab.mira)
    release_stage(stage.pk, by=lab.mira)
    words = seen(client_of(lab.mira), page(second, "changes&against=signed"))
    assert "Claimed Mira Kessler, stage 1, QA review" in words
    assert "Released Mira Kessler, stage 1, QA review" in words


def test_who_has_signed_this_one_again_is_not_sent_to_what_changed(lab, rejected):
    reset_stage(rejected.ladder.stages.get(sequence_index=2).pk, by=lab.jonas, notes="On page 2")
    assert "What changed since you signed" in seen(client_of(lab.lea), page(rejected))
    decide(approve_stage, rejected, 2, lab.lea, meaning="approved")
    second = request_export(lab.execution.pk, by=lab.jonas, blueprint=LADDER)
    decide(approve_stage, second, 1, lab.mira, meaning="reviewed")
    assert "What changed since you signed" not in seen(client_of(lab.mira), page(second))
    assert "What changed since you signed" in seen(client_of(lab.lea), page(second))
