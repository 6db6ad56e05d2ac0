"""What a problem document says."""

import pytest
from drf_spectacular.generators import SchemaGenerator

from portal.problems import MEDIA_TYPE
from portal.tests.problems.documents import MEMBERS, document

pytestmark = [pytest.mark.django_db, pytest.mark.urls("portal.tests.urls")]


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


def test_the_schema_says_that_any_other_answer_is_a_problem_document():
    schema = SchemaGenerator(urlconf="portal.tests.urls").get_schema(request=None, public=True)
    answers = schema["paths"]["/api/rows/"]["post"]["responses"]
    assert answers["default"]["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert set(schema["components"]["schemas"]["Problem"]["required"]) == MEMBERS
