"""What HTMX changes in a page: refusals, redirects, more rows, and where the focus goes."""

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.urls("portal.tests.urls")]


@pytest.fixture
def page(browser, live_server):
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    page.set_default_timeout(5_000)
    broken = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto("/parts/")
    page.wait_for_load_state("networkidle")
    yield page
    context.close()
    assert broken == []


def focused(page):
    return page.evaluate("document.activeElement.textContent.trim()")


def test_a_refusal_is_told_and_what_was_typed_stays(page):
    page.get_by_label("Notes").fill("typed and kept")
    page.get_by_role("button", name="Refused").click()
    page.get_by_role("alert").get_by_text("Ada Ng was faster.").wait_for()
    assert page.get_by_label("Notes").input_value() == "typed and kept"
    assert focused(page) == "Refused"


def test_a_refusal_is_seen_by_who_has_scrolled_down(page):
    page.set_viewport_size({"width": 400, "height": 300})
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.get_by_role("button", name="Fault").click()
    message = page.get_by_text("The portal failed here.")
    message.wait_for()
    box = message.bounding_box()
    assert 0 <= box["y"] <= 300 - box["height"]


@pytest.mark.parametrize("name", ["Document", "Fault"])
def test_an_error_never_replaces_a_part(page, name):
    page.get_by_role("button", name=name).click()
    page.get_by_role("alert").wait_for()
    assert page.locator("#nowhere").inner_html() == ""


def test_a_redirect_moves_the_whole_page(page):
    page.get_by_role("button", name="Moves").click()
    page.wait_for_url("**/page/")


def test_a_whole_page_is_never_put_into_a_part(page):
    page.get_by_role("button", name="Whole page").click()
    page.wait_for_url("**/problem-page/")
    assert page.locator("main").count() == 1


def test_a_lost_connection_is_told(page):
    page.route("**/fail/denied/", lambda route: route.abort())
    page.get_by_role("button", name="Refused").click()
    page.get_by_role("alert").get_by_text("The portal cannot be reached.").wait_for()


def test_errors_of_a_form_are_shown_and_get_the_focus(page):
    page.get_by_role("button", name="Wrong").click()
    page.get_by_text("Say more.").wait_for()
    page.wait_for_timeout(100)
    assert focused(page) == "Say more."


def test_the_work_goes_on_in_the_form_that_came_back(page):
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Skip").wait_for()
    page.wait_for_timeout(100)
    assert page.locator("#status").inner_text() == "Running"
    assert focused(page) == "Skip"


def test_more_rows_come_below_and_the_focus_goes_to_the_first(page):
    for last in (4, 6):
        page.get_by_role("link", name="Load more").focus()
        page.keyboard.press("Enter")
        page.get_by_role("link", name=f"Row {last}").wait_for()
        page.wait_for_timeout(100)
        assert focused(page) == f"Row {last - 1}"
    assert page.locator("#rows > li:not(.pager)").count() == 6
    assert page.get_by_role("link", name="Load more").count() == 0
    page.locator("#announcer", has_text="More rows are shown.").wait_for(state="attached")


def test_more_rows_come_without_javascript_too(browser, live_server):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/parts/")
    page.get_by_role("link", name="Load more").click()
    assert page.get_by_role("link", name="Row 3").is_visible()
    page.get_by_role("link", name="Back to the start").click()
    assert page.get_by_role("link", name="Row 1").is_visible()
    context.close()
