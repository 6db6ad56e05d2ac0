"""What the framework would answer by itself: in the portal's form."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from portal.tests.problems.documents import document

pytestmark = [pytest.mark.django_db, pytest.mark.urls("portal.tests.urls")]


def test_serializer_errors(api):
    response = api.post("/api/rows/", {"kind": "c", "title": "123456", "team": "x", "rows": [1, "b"]}, format="json")
    found = document(response)
    assert (response.status_code, found["code"], found["detail"]) == (400, "invalid", "4 values do not fit.")
    assert {error["field"] for error in found["errors"]} == {"kind", "title", "team", "rows.1"}


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null"])
def test_a_body_of_another_shape(api, body):
    response = api.post("/api/rows/", body, content_type="application/json")
    assert (response.status_code, document(response)["status"]) == (400, 400)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"title": "\\u0000"}', "null_characters_not_allowed"),
        (b'{"title": "\\ud800"}', "surrogate"),
        (b'{"title": NaN}', "not_finite"),
        (b'{"rows": [9007199254740993]}', "unsafe_integer"),
        (b'{"title": "a", "title": "b"}', "duplicate_key"),
        (b'{"title": ', "parse_error"),
        (b"[" * 100_000, "too_deep"),
        (b"\xff", "parse_error"),
        (b"", "invalid"),
    ],
)
def test_hostile_json_is_400(api, body, code):
    response = api.post("/api/rows/", body, content_type="application/json")
    assert (response.status_code, document(response)["code"]) == (400, code)


def test_a_body_over_the_limit_is_413(api, settings):
    settings.JSON_MAX_BYTES = 100
    response = api.post("/api/rows/", {"title": "x" * 200}, format="json")
    assert (response.status_code, document(response)["code"]) == (413, "too_large")


def test_ten_megabytes_of_text_are_refused(api):
    response = api.post("/api/rows/", {"kind": "a", "title": "x" * 10_000_000}, format="json")
    assert response.status_code == 413
    assert len(response.content) < 1000


def test_a_value_that_is_echoed_is_shortened(api):
    response = api.post("/api/rows/", {"kind": "x" * 1_000_000, "title": "x"}, format="json")
    assert response.status_code == 400
    assert len(response.content) < 5000


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (lambda api: api.get("/api/rows/"), 405, "method_not_allowed"),
        (lambda api: api.get("/api/post-only/"), 405, "method_not_allowed"),
        (lambda api: api.post("/api/rows/", "x", content_type="text/csv"), 415, "unsupported_media_type"),
        (lambda api: api.post("/api/rows/", {}, headers={"Accept": "text/csv"}), 406, "not_acceptable"),
        (lambda api: api.get("/api/nothing/"), 404, "not_found"),
        (lambda api: api.get("/api/row/not-a-uuid/"), 404, "not_found"),
        (lambda api: api.get("/api/%00/%ed%a0%80"), 404, "not_found"),
        (lambda api: api.get("/api"), 404, None),
        (lambda api: api.get("/api/row/not-a-uuid/", headers={"Host": "evil.example"}), 400, "bad_request"),
    ],
)
def test_answers_of_the_framework_are_documents_too(api, call, status, code):
    response = call(api)
    assert response.status_code == status
    if code:
        assert document(response)["code"] == code


def test_a_method_that_is_not_taken_names_those_that_are(api):
    assert api.get("/api/rows/")["Allow"] == "POST, OPTIONS"
    assert api.get("/api/post-only/")["Allow"] == "POST"
    assert api.get("/post-only/")["Allow"] == "POST"


def test_broken_multipart_is_400(api):
    response = api.post("/api/rows/", b"no boundary here", content_type="multipart/form-data")
    assert (response.status_code, document(response)["status"]) == (400, 400)


def test_hostile_multipart_is_400(api):
    upload = SimpleUploadedFile("../\u202egnp.exe", b"\x00")
    response = api.post("/api/rows/", {"kind": "\x00", "title": upload}, format="multipart")
    assert (response.status_code, document(response)["code"]) == (400, "invalid")


def test_nobody_is_401_and_told_how_to_sign_in():
    response = APIClient(raise_request_exception=False).post("/api/rows/", {}, format="json")
    assert (response.status_code, document(response)["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_token_is_401():
    client = APIClient(raise_request_exception=False, headers={"Authorization": "Bearer bl_wrong"})
    response = client.post("/api/rows/", {}, format="json")
    assert (response.status_code, document(response)["title"]) == (401, "Unauthorized")


def test_a_session_without_the_csrf_token_is_403(mira):
    client = APIClient(raise_request_exception=False, enforce_csrf_checks=True)
    client.force_login(mira)
    response = client.post("/api/rows/", {}, format="json")
    assert (response.status_code, document(response)["code"]) == (403, "csrf_failed")


def test_a_page_without_the_csrf_token_says_what_to_do(mira):
    client = Client(enforce_csrf_checks=True)
    client.force_login(mira)
    response = client.post("/post-only/")
    assert response.status_code == 403
    assert b"Please send it again" in response.content


def test_a_plain_view_under_api_without_the_csrf_token_is_a_document(mira):
    client = Client(enforce_csrf_checks=True)
    client.force_login(mira)
    assert document(client.post("/api/post-only/"))["code"] == "csrf_failed"


def test_pages_that_are_not_there(client, signed_in):
    response = signed_in.get("/nothing/")
    assert response.status_code == 404
    assert b"Nothing here" in response.content


def test_api_addresses_that_are_not_there_are_documents_with_debug_too(client, settings):
    settings.DEBUG = True
    assert document(client.get("/api/nothing/"))["code"] == "not_found"


def test_a_fault_shows_itself_to_the_developer_with_debug(settings):
    settings.DEBUG = True
    with pytest.raises(RuntimeError):
        APIClient().get("/api/fail/fault/")


def test_a_fault_is_recorded_with_its_cause(client, caplog):
    client.get("/api/fail/fault/")
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]


def test_a_refusal_is_no_fault_that_raises_an_alarm():
    assert Client().get("/api/fail/busy/").status_code == 503  # this client raises what is reported as a fault
