import json
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils.functional import SimpleLazyObject
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts.models import User
from ledger.errors import Busy
from portal.problems import MEDIA_TYPE, ProblemMiddleware, problem_response, server_error

pytestmark = [pytest.mark.django_db, pytest.mark.urls("portal.tests.urls")]

STATUS = {
    "invalid": (400, "two_things"),
    "one": (400, "blank"),
    "not-allowed": (403, "not_allowed"),
    "denied": (409, "conflict"),
    "gone": (410, "gone"),
    "too-large": (413, "too_large"),
    "too-many": (429, "too_many"),
    "busy": (503, "busy"),
    "hostile": (400, "invalid"),
    "override": (400, "invalid"),
    "http404": (404, "not_found"),
    "no-row": (404, "not_found"),
    "unknown": (404, "not_found"),
    "forbidden": (403, "permission_denied"),
    "suspicious": (400, "bad_request"),
    "bad": (400, "bad_request"),
    "too-big": (413, "too_large"),
    "too-many-fields": (400, "bad_request"),
    "validation": (400, "invalid"),
    "uuid": (400, "invalid"),
    "locked": (503, "busy"),
    "serialisation": (503, "busy"),
    "deadlock": (503, "busy"),
    "shutdown": (503, "busy"),
    "connection": (503, "busy"),
    "closed": (503, "busy"),
    "no-table": (500, "server_error"),
    "duplicate": (409, "conflict"),
    "duplicate-sqlite": (409, "conflict"),
    "not-null": (500, "server_error"),
    "data": (400, "invalid"),
    "fault": (500, "server_error"),
}
FORM = "application/x-www-form-urlencoded"
MEMBERS = {"type", "title", "status", "detail", "code", "errors"}


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


@pytest.fixture
def mira():
    return User.objects.create_user("mira@example.org", "a long enough password", full_name="Mira Kessler")


@pytest.fixture
def signed_in(client, mira):
    client.force_login(mira)
    return client


@pytest.fixture
def api(mira):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(mira)
    return client


def document(response):
    """The problem document, checked for its shape."""
    assert response["Content-Type"] == MEDIA_TYPE
    found = json.loads(response.content)
    assert set(found) >= MEMBERS
    assert found["status"] == response.status_code
    assert all(set(error) == {"field", "code", "detail"} for error in found["errors"])
    response.content.decode("ascii")
    return found


# --- The same map for three kinds of answer ---


@pytest.mark.parametrize(("name", "expected"), STATUS.items())
def test_an_api_view_answers_every_error_with_a_problem_document(client, name, expected):
    response = client.get(f"/api/fail/{name}/")
    found = document(response)
    assert (response.status_code, found["code"]) == expected
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(("name", "expected"), STATUS.items())
def test_a_plain_view_under_api_answers_the_same(client, name, expected):
    response = client.get(f"/api/plain/{name}/")
    assert (response.status_code, document(response)["code"]) == expected
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(("name", "expected"), STATUS.items())
def test_a_page_answers_the_same_status_as_a_whole_page(client, name, expected):
    response = client.get(f"/fail/{name}/")
    html = response.content.decode()
    assert response.status_code == expected[0]
    assert response["Content-Type"].startswith("text/html")
    assert html.startswith("<!doctype html>")
    assert "secret" not in html
    assert "style=" not in html


@pytest.mark.parametrize("name", [name for name, (status, _) in STATUS.items() if status < 500])
def test_somebody_signed_in_keeps_the_navigation(signed_in, name):
    html = signed_in.get(f"/fail/{name}/").content.decode()
    assert 'id="nav"' in html
    assert "Mira Kessler" in html


def test_a_page_about_our_own_failure_asks_nothing_of_the_database(rf):
    request = rf.get("/exports/")
    request.user = SimpleLazyObject(lambda: User.objects.get(email="nobody is asked"))
    for answer in (server_error(request), problem_response(request, Busy("The database is busy."))):
        assert answer.status_code >= 500
        assert b'id="nav"' not in answer.content


@pytest.mark.parametrize(("name", "expected"), STATUS.items())
def test_htmx_gets_a_message_beside_the_form(client, name, expected):
    response = client.get(f"/fail/{name}/", headers={"HX-Request": "true"})
    html = response.content.decode()
    assert response.status_code == expected[0]
    assert html.startswith('<div class="message bad" role="alert">')
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#messages", "innerHTML show:none")


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_htmx_that_wants_a_whole_page_gets_one(client, header):
    response = client.get("/fail/denied/", headers={"HX-Request": "true", header: "true"})
    assert response.content.startswith(b"<!doctype html>")


@pytest.mark.parametrize("name", ["nul", "surrogate", "huge"])
@pytest.mark.parametrize("path", ["/fail/", "/api/fail/", "/api/plain/"])
def test_a_value_the_database_cannot_take_is_no_fault_of_ours(client, path, name):
    response = client.get(f"{path}{name}/")
    assert response.status_code in (200, 400)  # what one engine stores the other refuses


# --- What the document says ---


def test_the_document_carries_errors_and_further_members(client):
    found = document(client.get("/api/fail/invalid/"))
    assert found["detail"] == "Two things do not fit."
    assert found["title"] == "Bad Request"
    assert found["errors"] == [
        {"field": "title", "code": "blank", "detail": "Empty."},
        {"field": None, "code": "x", "detail": "Both."},
    ]
    assert document(client.get("/api/fail/denied/"))["blocked_reason"] == "signed"


def test_further_members_cannot_replace_the_fixed_ones(client):
    found = document(client.get("/api/fail/override/"))
    assert (found["status"], found["code"], found["extra"]) == (400, "invalid", "\ud800")


def test_what_came_in_is_shortened_and_made_visible(client):
    found = document(client.get("/api/fail/hostile/"))
    assert found["detail"].startswith("\\ud800 <script>\\x00\\nxxx")
    assert len(found["detail"]) < 1100
    assert len(found["errors"][0]["field"]) < 1300


def test_a_page_shows_hostile_text_as_text(client):
    assert b"\\ud800 &lt;script&gt;" in client.get("/fail/hostile/").content


@pytest.mark.parametrize(("name", "seconds"), [("too-many", "61"), ("busy", "1"), ("locked", "2")])
@pytest.mark.parametrize("path", ["/fail/", "/api/fail/", "/api/plain/"])
def test_when_to_try_again(client, path, name, seconds):
    assert client.get(f"{path}{name}/")["Retry-After"] == seconds


def test_a_throttled_call_says_when_to_try_again(client):
    response = client.get("/api/fail/throttled/")
    assert (response.status_code, response["Retry-After"]) == (429, "13")
    assert document(response)["code"] == "throttled"


def test_nested_errors_name_their_place(client):
    found = document(client.get("/api/fail/nested/"))
    assert found["detail"] == "2 values do not fit."
    assert [(error["field"], error["detail"]) for error in found["errors"]] == [
        (None, "Both."),
        ("events.1.payload.x", "Bad."),
    ]


# --- What the framework answers by itself ---


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


# --- Pages in caches, redirects of parts ---


def test_pages_are_not_kept_and_not_mistaken_for_parts(client):
    response = client.get("/page/")
    assert response["Cache-Control"] == "no-store"
    assert "HX-Request" in response["Vary"]
    assert client.get("/api/row/7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90/")["Cache-Control"] == "no-store"


def test_what_a_view_says_about_caching_stands(rf):
    asked = ProblemMiddleware(lambda request: HttpResponse("x", headers={"Cache-Control": "max-age=60"}))
    assert asked(rf.get("/"))["Cache-Control"] == "max-age=60"


def test_a_redirect_of_a_part_moves_the_whole_page(signed_in):
    response = signed_in.post("/moves/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Redirect"], response.content) == (200, "/page/", b"")
    assert signed_in.post("/moves/").status_code == 302


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("http://testserver/exports/1/?tab=audit", "/sign-in/?next=%2Fexports%2F1%2F%3Ftab%3Daudit"),
        ("https://evil.example/x", "/sign-in/?next=/part/"),
        ("", "/sign-in/?next=/part/"),
    ],
)
def test_somebody_signed_out_meanwhile_comes_back_to_the_page(client, page, target, settings):
    settings.LOGIN_URL = "/sign-in/"
    response = client.get("/signed-out/", headers={"HX-Request": "true", "HX-Current-URL": page})
    assert response["HX-Redirect"] == target


# --- Nothing typed is lost ---


@pytest.mark.parametrize("name", ["denied", "fault", "locked"])
def test_a_page_that_could_not_do_it_gives_back_what_was_written(client, name):
    written = {"notes": "Well C7 was re-pipetted <b>twice</b>", "your_password": "a long enough password", "stage": "2"}
    html = client.post(f"/fail/{name}/", urlencode(written), content_type=FORM).content.decode()
    assert "Well C7 was re-pipetted &lt;b&gt;twice&lt;/b&gt;</pre>" in html
    assert "a long enough password" not in html


def test_a_form_that_came_too_late_gives_back_what_was_written(mira):
    client = Client(enforce_csrf_checks=True)
    client.force_login(mira)
    html = client.post(
        "/post-only/",
        urlencode({"notes": "typed while signed out", "csrfmiddlewaretoken": "x" * 64}),
        content_type=FORM,
    ).content.decode()
    assert "typed while signed out</pre>" in html
    assert "x" * 64 not in html


def test_a_form_larger_than_the_portal_accepts_is_told_so(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = client.post("/fail/denied/", urlencode({"notes": "x" * 200}), content_type=FORM)
    assert response.status_code == 409
    assert b"xxxxx" not in response.content


# --- Refusals on a form ---


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        ("one", 400, ["May not be empty."]),
        ("invalid", 400, ["Empty.", "Two things do not fit."]),
        ("denied", 409, ["Ada Ng was faster."]),
        ("too-many", 429, ["Wait."]),
    ],
)
def test_a_refusal_stands_on_the_form_and_what_was_typed_stays(client, error, status, shown):
    response = client.post(f"/form/?error={error}", {"title": "typed & kept"})
    html = response.content.decode()
    assert response.status_code == status
    assert all(words in html for words in shown)
    assert 'value="typed &amp; kept"' in html


# --- The OpenAPI document ---


def test_the_schema_says_that_any_other_answer_is_a_problem_document():
    schema = SchemaGenerator(urlconf="portal.tests.urls").get_schema(request=None, public=True)
    answers = schema["paths"]["/api/rows/"]["post"]["responses"]
    assert answers["default"]["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert set(schema["components"]["schemas"]["Problem"]["required"]) == MEMBERS
