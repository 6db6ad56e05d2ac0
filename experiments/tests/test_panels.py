"""Panels of higher apps on the pages of a run and of a protocol."""

import pytest
from django.test import Client

from experiments import panels

TEMPLATE = "portal/_empty.html"  # any template of the floors below


@pytest.fixture
def places(monkeypatch):
    """The registry, empty and this test's own."""
    monkeypatch.setattr(panels, "_PANELS", {panels.EXECUTION: {}, panels.PROTOCOL: {}})


def page(user, path):
    browser = Client()
    browser.force_login(user)
    return browser.get(path).content.decode()


def test_a_panel_is_shown_to_its_viewer_on_its_place_and_escaped(places, run, protocol, miles):
    def collect(subject, viewer):
        return {"title": f"<b>{subject}</b> for {viewer}", "icon": "inbox"}

    panels.register_panel(panels.PROTOCOL, TEMPLATE, collect)
    assert f"&lt;b&gt;{protocol}&lt;/b&gt; for Miles" in page(miles, f"/protocols/{protocol.pk}/")
    assert "for Miles" not in page(miles, f"/executions/{run.pk}/")


def test_a_panel_without_content_is_left_out(places, run, miles):
    panels.register_panel(panels.EXECUTION, TEMPLATE, lambda subject, viewer: None)
    assert 'class="empty"' not in page(miles, f"/executions/{run.pk}/")


def test_registering_a_template_again_replaces_it(places, run, miles):
    for title in ("First words", "Second words"):
        panels.register_panel(panels.EXECUTION, TEMPLATE, lambda *_, title=title: {"title": title, "icon": "inbox"})
    told = page(miles, f"/executions/{run.pk}/")
    assert ("First words" in told, "Second words" in told) == (False, True)
