import re

import pytest
from django.contrib.staticfiles import finders

from portal.views import PARTS

pytestmark = pytest.mark.django_db


def test_the_gallery_exists_for_developers_only(client, settings):
    assert client.get("/gallery/").status_code == 404
    settings.DEBUG = True
    assert client.get("/gallery/").status_code == 200


@pytest.mark.parametrize("part", PARTS)
def test_every_part_keeps_to_the_content_security_policy(client, settings, part):
    settings.DEBUG = True
    response = client.get("/gallery/", {"part": part})
    html = response.content.decode()
    assert "unsafe" not in response["Content-Security-Policy"]
    assert not re.search(r"\sstyle\s*=|<style|\son\w+\s*=|javascript:", html)
    assert all(re.search(r'\ssrc="/static/', tag) for tag in re.findall(r"<script[^>]*>", html))
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*', html) == []


@pytest.mark.parametrize("part", PARTS)
def test_no_part_names_an_id_twice_or_points_nowhere(client, settings, part):
    settings.DEBUG = True
    html = client.get("/gallery/", {"part": part}).content.decode()
    ids = re.findall(r'\sid="([^"]+)"', html)
    if part != "forms":  # two forms of one kind, as no page has them
        assert sorted(ids) == sorted(set(ids))
    wanted = re.findall(r'\s(?:for|aria-labelledby|popovertarget)="([^"]+)"', html)
    wanted += " ".join(re.findall(r'\saria-describedby="([^"]+)"', html)).split()
    assert set(wanted) <= set(ids)


@pytest.mark.parametrize("part", ["nonsense", "\x00", "../x", ""])
def test_an_unknown_part_shows_the_first(client, settings, part):
    settings.DEBUG = True
    assert b"Execution narrative, version 3" in client.get("/gallery/", {"part": part}).content


def test_everything_the_head_names_is_there(client, settings):
    settings.DEBUG = True
    html = client.get("/gallery/").content.decode()
    files = re.findall(r'"/static/([^"]+)"', html)
    assert len(files) >= 6
    assert [name for name in files if not finders.find(name)] == []


def test_a_page_can_be_left_and_used_by_keyboard(client, settings):
    settings.DEBUG = True
    html = client.get("/gallery/").content.decode()
    assert (
        html.index('class="skip" href="#content"')
        < html.index('id="nav"')
        < html.index('<main class="page" id="content"')
    )
    assert html.count("<h1") == 1
    assert '<html lang="en">' in html
