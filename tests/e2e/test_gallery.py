"""The parts of a page in a real browser: accessible, narrow, by keyboard, without JavaScript, in print."""

import json
from importlib import resources

import pytest

from portal.views import PARTS

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def look(browser, live_server, settings):
    """Opens a part of the gallery: `look("export", width=320)`."""
    settings.DEBUG = True
    opened, complaints = [], []

    def open_(part, *, width=1440, **options):
        context = browser.new_context(base_url=live_server.url, viewport={"width": width, "height": 900}, **options)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"/gallery/?part={part}")
        page.wait_for_load_state("networkidle")
        return page

    yield open_
    for context in opened:
        context.close()
    assert complaints == []


def violations(page):
    page.evaluate("scrollTo(0, 0)")  # what lies below the top bar would count as covered
    # The page's own policy forbids inline script; the debugger's evaluation is not subject to it.
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text())
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)["violations"]
    return json.dumps([{"rule": one["id"], "where": [node["html"] for node in one["nodes"]]} for one in found])


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.className")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_accessible_and_fits(look, part, width, scheme):
    page = look(part, width=width, color_scheme=scheme)
    assert violations(page) == "[]"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("script", [True, False])
def test_the_navigation_opens_on_a_narrow_screen(look, script):
    page = look("work", width=320, java_script_enabled=script)
    assert not page.locator("#nav").is_visible()
    page.get_by_role("button", name="Navigation").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Exports").wait_for()
    page.keyboard.press("Escape")
    page.locator("#nav").wait_for(state="hidden")


def test_targets_are_large_enough(look):
    page = look("parts")
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, .button, input, select, summary")]
            .filter(part => part.checkVisibility())
            .map(part => [part.outerHTML.slice(0, 80), part.getBoundingClientRect()])
            .filter(([, box]) => Math.min(box.width, box.height) < 24 && !/checkbox|radio/.test(box[0]))
            .map(([html]) => html)"""
    )
    assert small == []


def test_single_keys_work_and_can_be_switched_off(look):
    page = look("work")
    page.keyboard.press("/")
    assert focused(page) == "search"
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "Plasmid prep pGL4.13, batch 22 · v1"
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == "SARS-CoV-2 N1 assay validation · v3"
    page.keyboard.press("?")
    page.get_by_label("Single keys are on in this browser").uncheck()
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    assert focused(page) != "search"


def test_keys_typed_into_a_field_are_text(look):
    page = look("forms")
    page.get_by_label("Your notes").press_sequentially("a/j?k")
    assert page.get_by_label("Your notes").input_value().endswith("a/j?k")


def test_a_chosen_theme_stays(look):
    page = look("export", color_scheme="light")
    for _ in range(2):
        page.get_by_role("button", name="Theme").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_print_shows_the_record_and_not_the_tools(look):
    page = look("export")
    page.emulate_media(media="print")
    assert not page.locator("#nav, .top, .sign, .tabs").locator("visible=true").count()
    assert page.locator(".ladder").is_visible()


def test_errors_get_the_focus(look):
    assert focused(look("forms")) == "error-summary"


def test_a_button_that_may_not_be_pressed_says_why(look):
    page = look("forms")
    page.get_by_role("button", name="Save").last.click(force=True)
    page.locator("#announcer", has_text="The run is still in progress.").wait_for(state="attached")
    assert page.url.endswith("part=forms")


def test_leaving_unsaved_text_is_asked_about(look):
    page = look("forms")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("Notes (optional)", exact=True).first.fill("not saved")
    page.evaluate("setTimeout(() => location.assign('/gallery/?part=work'))")
    page.wait_for_timeout(1000)
    assert asked == ["beforeunload"]
