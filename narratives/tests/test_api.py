"""Exports over HTTP, as api.md has them."""

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from experiments.models import ExecutionEvent
from narratives.models import NarrativeExport
from narratives.tests.conftest import PASSWORD, make_execution, record
from narratives.transitions import request_export

LADDER = [{"name": "QA review", "required_role": "qa", "sla_hours": 24}, {"required_role": "approver"}]
FIELDS = {
    "id", "execution_id", "version", "format", "generated_at", "event_count", "content", "content_digest",
    "approval_status", "approval_signature", "approved_at", "approved_by", "approval_completed_at",
    "approval_stage_count", "approval_stages", "current_stage", "current_stage_started_at", "workflow_template_id",
    "workflow_template_snapshot_id", "workflow_template_key", "workflow_template_version",
    "workflow_template_snapshot", "template_drift", "requested_by", "notes", "metadata", "attachments",
    "artifact_status", "artifact_checksum", "artifact_manifest_digest", "artifact_error", "artifact_file",
    "artifact_download_path", "artifact_signed_url", "packaging_attempts", "packaged_at", "retired_at",
    "retention_expires_at", "legal_hold", "created_at", "updated_at",
}  # fmt: skip
STAGE_FIELDS = {
    "id", "export_id", "sequence_index", "name", "required_role", "status", "sla_hours", "due_at", "started_at",
    "completed_at", "assignee", "delegated_to", "overdue_notified_at", "is_overdue", "notes", "metadata", "actions",
}  # fmt: skip
ATTACHMENT_FIELDS = {
    "id", "evidence_type", "reference_id", "label", "snapshot", "hydration_context", "sha256", "size", "file",
    "created_at",
}  # fmt: skip


def client_of(user):
    client = APIClient(raise_request_exception=True)
    client.force_login(user)
    return client


@pytest.fixture
def base(lab):
    return f"/api/experiment-console/sessions/{lab.execution.pk}/exports/narrative"


def post(user, path, body, **headers):
    return client_of(user).post(path, body, format="json", headers=headers)


def sign(user, base, export, **body):
    return post(
        user, f"{base}/{export['id']}/approve", {"status": "approved", "signature": "x", "password": PASSWORD} | body
    )


@pytest.fixture
def export(lab, base):
    attachments = [{"qc_event_id": str(lab.execution.events.first().pk), "label": "Plate", "context": {"plate": 3}}]
    answer = post(lab.jonas, base, {"attachments": attachments, "approval_stages": LADDER, "metadata": {"a": [1]}})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_an_export_has_exactly_the_fields_of_the_contract(lab, export):
    assert set(export) == FIELDS
    assert {*map(frozenset, export["approval_stages"])} == {frozenset(STAGE_FIELDS)}
    (attachment,) = export["attachments"]
    assert set(attachment) == ATTACHMENT_FIELDS
    assert (attachment["label"], attachment["hydration_context"], attachment["file"]) == ("Plate", {"plate": 3}, None)
    assert export["requested_by"] == {
        "id": str(lab.jonas.pk),
        "email": "jonas@lab.example",
        "full_name": "Jonas Ortega",
    }
    assert (export["approval_status"], export["current_stage"]["name"], export["metadata"]) == (
        "pending", "QA review", {"a": [1]},
    )  # fmt: skip
    for name in FIELDS:
        if name.startswith(("workflow_", "template_", "artifact_")):
            assert export[name] is None


def test_one_and_the_list_answer_the_same_and_a_summary_leaves_the_bulk_out(lab, base, export):
    client = client_of(lab.jonas)
    second = post(lab.jonas, base, {}).json()
    listed = client.get(base).json()
    assert [row["version"] for row in listed["exports"]] == [2, 1]
    assert listed["exports"][1] == client.get(f"{base}/{export['id']}").json() == export
    brief = client.get(f"{base}?summary=true").json()["exports"]
    assert set(brief[0]) == FIELDS - {"content"}
    assert all("actions" not in stage for row in brief for stage in [*row["approval_stages"], row["current_stage"]])
    assert brief[0]["id"] == second["id"]


def test_two_signatures_approve_and_the_export_names_the_last(lab, base, export):
    first = sign(lab.mira, base, export, signature="Mira K.").json()
    assert [stage["status"] for stage in first["approval_stages"]] == ["approved", "in_progress"]
    assert first["approval_stages"][0]["actions"][0]["signature"] == "Mira K."
    done = sign(lab.lea, base, export, signature="Lea N.", notes="Fine").json()
    assert (done["approval_status"], done["approval_signature"], done["current_stage"]) == ("approved", "Lea N.", None)
    assert done["approved_by"]["id"] == str(lab.lea.pk)
    assert done["approved_at"] == done["approval_completed_at"]
    assert done["artifact_status"] == "queued"


def test_a_rejection_ends_the_ladder(lab, base, export):
    answer = sign(lab.mira, base, export, status="rejected", notes="Plate 3 is missing").json()
    assert (answer["approval_status"], answer["approved_at"]) == ("rejected", None)
    assert [stage["status"] for stage in answer["approval_stages"]] == ["rejected", "reset"]
    reset = post(
        lab.jonas, f"{base}/{export['id']}/stages/{answer['approval_stages'][0]['id']}/reset", {"notes": "Attached"}
    ).json()
    assert [stage["status"] for stage in reset["approval_stages"]] == ["in_progress", "pending"]


@pytest.mark.parametrize(
    ("person", "body", "status", "code"),
    [
        ("mira", {"password": "wrong password"}, 403, "wrong_password"),
        ("mira", {"status": "rejected"}, 400, "required"),
        ("lea", {}, 403, None),
        ("jonas", {}, 403, None),
        ("sam", {}, 404, "not_found"),
        ("mira", {"stage_id": str(uuid.uuid4())}, 404, "not_found"),
        ("mira", {"status": "maybe"}, 400, None),
        ("mira", {"password": None}, 400, None),
        ("mira", {"password": ["x"]}, 400, None),
        ("mira", {"unknown": 1}, 400, None),
        ("mira", {"notes": "a\x00b"}, 400, None),
        ("mira", {"metadata": [1]}, 400, None),
    ],
)
def test_a_signature_that_may_not_be_is_refused_and_nothing_changes(lab, base, export, person, body, status, code):
    answer = sign(getattr(lab, person), base, export, **body)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert code is None or answer.json()["code"] == code
    assert PASSWORD not in answer.content.decode()
    assert client_of(lab.jonas).get(f"{base}/{export['id']}").json() == export


def test_a_stage_that_is_not_in_progress_is_a_conflict(lab, base, export):
    waiting = export["approval_stages"][1]["id"]
    assert sign(lab.lea, base, export, stage_id=waiting).status_code == 409
    sign(lab.mira, base, export)
    sign(lab.lea, base, export)
    assert sign(lab.lea, base, export).status_code == 409


def test_a_token_alone_never_signs(lab, base, export):
    client = APIClient()
    login = client.post("/api/auth/login", {"email": lab.mira.email, "password": PASSWORD}, format="json").json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {login['token']}")
    path = f"{base}/{export['id']}/approve"
    assert client.post(path, {"status": "approved", "signature": "Mira"}, format="json").status_code == 400
    assert client.post(path, {"status": "approved", "password": PASSWORD}, format="json").status_code == 200


def test_delegation_hands_the_stage_on(lab, base, export):
    stage = export["approval_stages"][1]["id"]
    path = f"{base}/{export['id']}/stages/{stage}/delegate"
    refused = post(lab.jonas, path, {"delegate_id": str(lab.sam.pk)})
    assert refused.status_code in (400, 403)
    answer = post(lab.ada, path, {"delegate_id": str(lab.lea.pk), "notes": "On leave", "metadata": {"a": 1}})
    assert answer.status_code == 200, answer.content
    assert answer.json()["approval_stages"][1]["delegated_to"]["id"] == str(lab.lea.pk)
    assert answer.json()["approval_stages"][1]["actions"][0]["metadata"] == {"a": 1}


def test_the_same_key_answers_the_first_result_again(lab, base):
    body = {"notes": "once", "approval_stages": LADDER}
    first = post(lab.jonas, base, body, **{"Idempotency-Key": "k-1"})
    again = post(lab.jonas, base, body, **{"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert NarrativeExport.objects.count() == 1
    other = post(lab.jonas, base, body | {"notes": "twice"}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_a_refused_request_leaves_its_key_free(lab, base):
    refused = post(lab.jonas, base, {"attachments": [{"event_id": str(uuid.uuid4())}]}, **{"Idempotency-Key": "k-2"})
    assert refused.status_code == 400
    assert post(lab.jonas, base, {}, **{"Idempotency-Key": "k-2"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"workflow_template_id": str(uuid.uuid4())}, "workflow_template_id"),
        ({"workflow_template_snapshot_id": str(uuid.uuid4())}, "workflow_template_snapshot_id"),
        ({"workflow_template_id": "nonsense"}, "workflow_template_id"),
        ({"approval_stages": []}, "approval_stages"),
        ({"approval_stages": [{"required_role": "Not A Role"}]}, "approval_stages.0.required_role"),
        ({"approval_stages": [{"required_role": "qa", "sla_hours": 1.5}]}, "approval_stages.0.sla_hours"),
        ({"approval_stages": [{"required_role": "qa", "colour": 1}]}, "approval_stages.0.colour"),
        ({"approval_stages": "qa"}, "approval_stages"),
        ({"attachments": {"event_id": "x"}}, "attachments"),
        ({"attachments": [{"event_id": str(uuid.uuid4())}]}, "attachments.0"),
        ({"attachments": [{}]}, "attachments.0"),
        ({"notes": ["x"]}, "notes"),
        ({"metadata": "x"}, "metadata"),
        ({"attachment": []}, "attachment"),
    ],
)
def test_a_request_that_does_not_fit_names_the_field_and_writes_nothing(lab, base, body, field):
    answer = post(lab.jonas, base, body)
    assert answer.status_code == 400, answer.content
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert (NarrativeExport.objects.count(), ExecutionEvent.objects.count()) == (0, 2)


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"[]", b'"x"', b"null",
        b'{"notes": "\\ud800"}', b'{"metadata": {"a": NaN}}', b'{"metadata": {"a": 1e999}}',
        b'{"metadata": {"a": 123456789012345678901234567890}}', b'{"notes": "\\u0000"}',
        b'{"metadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}", b"\xff\xfe",
    ],
)  # fmt: skip
def test_broken_json_is_a_problem_document(lab, base, raw):
    answer = client_of(lab.jonas).post(base, raw, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert NarrativeExport.objects.count() == 0


def test_a_stranger_gets_one_answer_for_foreign_unknown_and_malformed(lab, base, export):
    client = client_of(lab.sam)
    elsewhere = base.replace(str(lab.execution.pk), str(uuid.uuid4()))
    malformed = base.replace(str(lab.execution.pk), "nonsense")
    answers = [client.get(path) for path in (base, elsewhere, malformed, f"{base}/{export['id']}", f"{elsewhere}/x")]
    answers += [client.post(path, {}, format="json") for path in (base, elsewhere)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_an_export_of_another_run_is_not_there(lab, base, export):
    other = make_execution(lab, "Other")
    path = base.replace(str(lab.execution.pk), str(other.pk))
    assert client_of(lab.jonas).get(f"{path}/{export['id']}").status_code == 404


def test_without_sign_in_it_is_401(lab, base):
    assert APIClient().get(base).status_code == 401


def test_the_difference_tells_what_is_new(lab, base, export):
    record(lab, "note.deviation", {"text": "Lot 2209-B confirmed"})
    second = post(lab.jonas, base, {"attachments": [{"event_id": str(lab.execution.events.last().pk)}]}).json()
    answer = client_of(lab.jonas).get(f"{base}/{second['id']}/diff?against={export['id']}").json()
    assert (answer["version"], answer["against_version"]) == (2, 1)
    lines = answer["diff"].splitlines()
    assert lines[:2] == ["--- version 1", "+++ version 2"]
    assert "-- events: 2" in lines
    assert "+- events: 5" in lines
    assert "+- summary: Lot 2209-B confirmed" in lines
    assert [len(answer["evidence"][name]) for name in ("added", "removed", "changed")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("against", "status"), [("", 400), ("nonsense", 404), ("39473857-28a3-48c5-9d8b-62521b7cedbf", 404)]
)
def test_a_difference_needs_another_export_of_the_run(lab, base, export, against, status):
    assert client_of(lab.jonas).get(f"{base}/{export['id']}/diff?against={against}").status_code == status


def test_the_list_asks_as_many_queries_for_thirty_as_for_one(lab, base):
    client = client_of(lab.jonas)

    def asked(url):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    plate = [{"event_id": str(lab.execution.events.first().pk)}]
    request_export(lab.execution.pk, by=lab.jonas, attachments=plate)
    few = asked(base), asked(f"{base}?summary=true")
    for _ in range(29):
        request_export(lab.execution.pk, by=lab.jonas, attachments=plate)
    assert (asked(base), asked(f"{base}?summary=true")) == few
    assert len(json.loads(client.get(base).content)["exports"]) == 30


def test_the_list_pages(lab, base):
    for _ in range(3):
        request_export(lab.execution.pk, by=lab.jonas)
    client = client_of(lab.jonas)
    first = client.get(f"{base}?limit=2").json()
    second = client.get(f"{base}?limit=2&cursor={first['next_cursor']}").json()
    assert [row["version"] for page in (first, second) for row in page["exports"]] == [3, 2, 1]
    assert second["next_cursor"] is None
    assert client.get(f"{base}?cursor=nonsense").status_code == 400
