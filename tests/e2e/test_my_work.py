"""My work by keyboard alone: walk the rows, claim one, open it at its signing form."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def test_a_stage_is_found_claimed_and_opened_by_keyboard(visitor):
    mira = visitor("mira", viewport={"width": 1440, "height": 960})
    page, keys = mira.page, mira.page.keyboard
    rows = page.locator("[data-rows] .main > a")
    keys.press("j")
    expect(rows.first).to_be_focused()
    keys.press("k")
    expect(rows.first).to_be_focused()
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Claim the stage of the row")
    keys.press("Escape")

    page.get_by_text("Search and filter").click()
    box = page.get_by_role("searchbox", name="Search", exact=True).last
    box.focus()
    keys.type("jscplasmid")  # single keys write where one writes
    expect(box).to_have_value("jscplasmid")
    box.fill("Plasmid prep batch 22")
    keys.press("Enter")
    page.wait_for_url("**/?q=Plasmid**")

    keys.press("j")
    expect(rows.first).to_be_focused()
    keys.press("c")
    expect(page.get_by_text("The stage is claimed by you.")).to_be_visible()
    expect(rows.first).to_be_focused()
    expect(page.locator("[data-rows]")).to_contain_text("claimed by you")

    keys.press("s")
    page.wait_for_url(re.compile(r"/exports/[0-9a-f-]{36}/#sign"))
    expect(page.locator("#sign_meaning")).to_be_focused()

    page.go_back()
    page.get_by_role("button", name="Release Plasmid prep").press("Enter")
    expect(page.get_by_text("The stage is released.")).to_be_visible()


def test_on_a_phone_a_link_leads_past_the_narrative_to_the_form(visitor):
    mira = visitor("mira", viewport={"width": 480, "height": 900})
    mira.page.locator("[data-rows] .main > a").first.click()
    link = mira.page.get_by_role("link", name="Go to the signing form")
    expect(link).to_be_visible()
    link.click()
    expect(mira.page.locator("#sign_meaning")).to_be_focused()
    expect(mira.page.locator("#sign")).to_be_in_viewport()


def test_two_who_look_at_one_record_are_told(visitor):
    mira, tomas = visitor("mira"), visitor("tomas")
    page = tomas.open("/?q=Plasmid+prep+batch+22")
    page.locator("[data-rows] .main > a").first.click()
    page.wait_for_url("**/exports/**")
    expect(mira.open("/").locator("[data-rows]", has_text="batch 22")).to_contain_text(
        "Tomas Lindqvist is looking at it now."
    )
    expect(mira.open(page.url).locator(".presence[role=status]")).to_contain_text("Tomas Lindqvist is looking at this")
