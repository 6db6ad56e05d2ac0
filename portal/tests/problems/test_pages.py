"""Pages that say why something was not done: not kept, nothing typed is lost."""

from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.problems import ProblemMiddleware

pytestmark = [pytest.mark.django_db, pytest.mark.urls("portal.tests.urls")]

FORM = "application/x-www-form-urlencoded"


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
