"""Every page: accessible in light and dark, no side-scrolling at 320 px, no complaint in the console."""

import json
from importlib import resources

import pytest

pytestmark = pytest.mark.e2e
PAGES = [
    "/",
    "/?tab=exports",
    "/?tab=review",
    "/?tab=done",
    "/executions/",
    "/executions/?q=LUDOX&status=completed",
    "/executions/new/",
    "/protocols/",
    "/exports/",
    "/baselines/",
    "/account/",
    "/account/absences/",
    "/account/notifications/",
    "/account/notifications/choices/",
    "/account/second-factor/",
    "/account/password/",
    "/people/",
    "/webhooks/",
    "/webhooks/new/",
    "/operations/",
    "/audit/",
    "/audit/?trail=runs&q=reject&since=2020-01-01",
    "/search/?q=lea",
    "/governance/calendars/",
    "CALENDAR",
    "CALENDARchange/",
    "/governance/ladders/",
    "/governance/ladders/biosafety/",
    "/governance/ladders/biosafety/exports/",
    "/governance/ladders/biosafety/?tab=differences",
    "/governance/ladders/biosafety/?tab=assignments",
    "/governance/ladders/biosafety/?tab=audit",
    "RUN",
    "RUN/exports/",
    "RUN/exports/new/",
    "RUN/notebook/",
    "RUN/files/",
    "RUN/baselines/",
    "RUN/baselines/new/",
    "EXPORT",
    "EXPORT?tab=evidence",
    "EXPORT?tab=changes",
    "EXPORT?tab=audit",
    "BASELINE",
    "BASELINE?tab=differences",
    "BASELINE?tab=events",
    "REJECTED",
    "REJECTEDresubmit/",
    "PROTOCOL",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def places(browser, portal):
    from tests.e2e.conftest import Visitor

    olga = Visitor(browser, portal).sign_in("olga")
    export = olga.open("/exports/?q=SARS").get_by_role("link", name="assay validation · v2").get_attribute("href")
    run = olga.open("/executions/?q=SARS").get_by_role("link", name="assay validation").first.get_attribute("href")
    baseline = olga.open("/baselines/?q=gravity").get_by_role("link", name="gravity column").get_attribute("href")
    rejected = olga.open("/baselines/?status=rejected").locator("#rows a").first.get_attribute("href")
    protocol = olga.open(baseline).locator("a[href^='/protocols/']").last.get_attribute("href")
    calendar = olga.open("/governance/calendars/").locator("#rows a").last.get_attribute("href")
    olga.context.close()
    return {
        "CALENDAR": calendar,
        "EXPORT": export,
        "RUN/": run,
        "RUN": run,
        "BASELINE": baseline,
        "REJECTED": rejected,
        "PROTOCOL": protocol,
    }


def address(page, places):
    for name, found in places.items():
        if page.startswith(name):
            return page.replace(name, found, 1)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visitor, places, scheme):
    olga = visitor("olga", color_scheme=scheme, viewport={"width": 1440, "height": 960})
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
    found = []
    for page in PAGES:
        olga.open(address(page, places))
        # The page's own policy forbids inline script; the debugger's evaluation is not subject to it.
        olga.page.evaluate(axe)
        outcome = olga.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        for violation in outcome["violations"]:
            where = [node["html"][:160] for node in violation["nodes"][:3]]
            found.append({"page": page, "rule": violation["id"], "where": where})
    assert found == [], json.dumps(found, indent=1)


def test_every_page_has_one_heading_a_title_a_way_past_the_navigation_and_fits_narrow_screens(visitor, places):
    olga, wide = visitor("olga"), []
    for page in PAGES:
        olga.open(address(page, places))
        assert olga.page.locator("h1").count() == 1, page
        assert olga.page.title().endswith("BioLabs"), page
        assert olga.page.locator("a.skip[href='#content']").count() == 1, page
        for width in (480, 320):
            olga.page.set_viewport_size({"width": width, "height": 800})
            if olga.overflows():
                wide.append((page, width))
    assert wide == []
