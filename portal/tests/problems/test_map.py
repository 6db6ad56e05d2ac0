"""One map from an error to its answer: the same for documents, pages and parts of pages."""

import pytest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from ledger.errors import Busy
from portal.problems import problem_response, server_error
from portal.tests.problems.documents import document

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
