"""A baseline's life as three people live it: submit, reject, submit again, publish, roll back."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_walkthrough import run_address

pytestmark = pytest.mark.e2e
RUN = "SARS-CoV-2 N1 assay validation"


def address_of(page):
    return page.url.partition("?")[0]


def submit(person, run, name):
    page = person.open(run)
    page.get_by_role("navigation", name="Run").get_by_role("link", name="Baselines").click()
    page.get_by_role("link", name="Submit as baseline").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Description").fill("**Ready** for every plate.")
    page.get_by_label("Labels").fill("instrument: plate reader 2")
    page.get_by_placeholder("Name or e-mail address").fill("mira")
    page.get_by_role("button", name="Find").click()
    page.get_by_label("Mira Kessler").check()
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    page.get_by_role("button", name="Submit for review").click()
    page.wait_for_url(re.compile(r"/baselines/[0-9a-f-]{36}/$"))
    return address_of(page)


def decide(person, baseline, button, notes=""):
    page = person.open(baseline)
    if notes:
        page.get_by_label("Notes").fill(notes)
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state()
    return page


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_from_a_good_run_to_the_standard_and_back(visitor, javascript):
    options = {"java_script_enabled": javascript}
    jonas, mira, olga = (visitor(name, **options) for name in ("jonas", "mira", "olga"))
    run = run_address(jonas.page, RUN)
    first = submit(jonas, run, "N1 on plate reader 2")
    expect(jonas.page.get_by_text("You submitted this baseline")).to_be_visible()

    mira.open("/?tab=review").get_by_role("link", name="N1 on plate reader 2").first.click()
    page = decide(mira, first, "Reject", "Say which primers.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rejected")

    page = jonas.open(first)
    page.get_by_role("link", name="Change and submit again").click()
    expect(page.get_by_text("Say which primers.")).to_be_visible()
    page.get_by_label("Description").fill("**Ready** for every plate, with primers lot 7.")
    page.get_by_label("Narrative export, version 1").uncheck()
    page.get_by_placeholder("Name or e-mail address").fill("jonas")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("Nobody else who may review this fits.")).to_be_visible()
    expect(page.get_by_label("Narrative export, version 1")).not_to_be_checked()
    page.get_by_role("button", name="Submit again").click()
    page.wait_for_url(f"**{first}")

    page = mira.open(first)
    expect(page.get_by_text("Say which primers.")).to_be_visible()
    expect(page.get_by_text("Evidence removed: Narrative export, version 1")).to_be_visible()
    decide(mira, first, "Approve")
    page = decide(mira, first, "Publish")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Current")

    second = submit(jonas, run, "N1 on plate reader 3")
    decide(mira, second, "Approve", "Read twice.")
    page = decide(mira, second, "Publish")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Current")
    page = jonas.open(run)
    expect(page.get_by_text("This run is the current baseline")).to_be_visible()

    page = olga.open(second)
    page.get_by_label("Becomes current again").select_option(index=1)
    page.get_by_label("Why it is rolled back").fill("Reader 3 is out of calibration.")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rolled back")
    expect(olga.open(first).get_by_role("heading", level=1)).to_contain_text("Current")
    expect(olga.open(f"{first}?tab=events").get_by_text("is current again, after")).to_be_visible()
