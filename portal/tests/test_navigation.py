from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

from portal import navigation
from portal.navigation import NavItem, context, register, register_search

USER = SimpleNamespace(full_name="Mira Kessler", email="mira@example.org", is_authenticated=True)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Only what a test registers."""
    monkeypatch.setattr(navigation, "_items", {})
    monkeypatch.setattr(navigation, "_search", {})


def built(path="/", user=USER):
    request = RequestFactory().get(path)
    request.user = user
    return context(request)["navigation"]


def labels(found):
    return [(name, [entry["item"].label for entry in entries]) for name, entries in found["sections"]]


def test_pages_stand_in_their_sections_in_order():
    register(NavItem("Health", "healthz", section="Operate", order=20))
    register(NavItem("Schema", "api_schema", order=20))
    register(NavItem("Docs", "api_docs", order=10))
    register(NavItem("Ready", "readyz", section="Operate", order=10))
    assert labels(built()) == [("", ["Docs", "Schema"]), ("Operate", ["Ready", "Health"])]


def test_a_page_that_does_not_exist_is_left_out():
    register(NavItem("Some day", "not_written_yet"))
    register_search("not_written_yet")
    found = built()
    assert (labels(found), found["search"]) == ([], None)


def test_a_page_can_be_hidden_from_somebody():
    register(NavItem("Health", "healthz", visible=lambda user: user.email == "olga@example.org"))
    assert labels(built()) == []
    assert labels(built(user=SimpleNamespace(email="olga@example.org"))) == [("", ["Health"])]


def test_the_nearest_page_is_the_current_one():
    register(NavItem("Docs", "api_docs"))
    register(NavItem("Schema", "api_schema"))
    entries = dict(built("/api/docs/more/")["sections"])[""]
    assert [entry["current"] for entry in entries] == ["true", ""]
    entries = dict(built("/api/docs/")["sections"])[""]
    assert [entry["current"] for entry in entries] == ["page", ""]


def test_registering_twice_shows_once():
    register(NavItem("Health", "healthz"))
    register(NavItem("Alive", "healthz"))
    assert labels(built()) == [("", ["Alive"])]


def test_a_section_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="Sidebar"):
        register(NavItem("Health", "healthz", section="Sidebar"))


def test_nothing_is_counted_where_no_navigation_is_shown():
    asked = []
    register(NavItem("Health", "healthz", count=asked.append))
    navigation_ = built()
    assert asked == []
    assert labels(navigation_) == [("", ["Health"])]
    assert asked == [USER]


@pytest.mark.parametrize(("count", "shown"), [(0, False), (None, False), (4, True)])
def test_a_count_is_said_in_words_too(count, shown):
    register(NavItem("My work", "healthz", count=lambda user: count, count_words="to sign"))
    request = RequestFactory().get("/")
    html = render_to_string("_nav.html", {"navigation": built(), "user": USER}, request=request)
    assert ("to sign</span>" in html) is shown


def test_the_user_card_shows_no_markup_from_a_name():
    user = SimpleNamespace(full_name="<b>Mira\u202e</b>", email="mira@example.org", headline="")
    html = render_to_string("_nav.html", {"navigation": built(), "user": user})
    assert "&lt;b&gt;Mira\\u202e&lt;/b&gt;" in html
    assert "mira@example.org" in html
