"""An administrator's ladder from draft to archive, in the admin; a scientist sees it and cannot avoid it."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e
KEY, NAME = "plate-release", "Plate release"


def fill_stage(page, number, *, name, role, hours=""):
    page.locator(f"#id_stages-{number}-name").fill(name)
    page.locator(f"#id_stages-{number}-required_role").select_option(role)
    page.locator(f"#id_stages-{number}-sla_hours").fill(hours)


def stage_names(page):
    return [field.input_value() for field in page.locator("[id^=id_stages-][id$=-name]").all() if field.input_value()]


def save(page):
    page.locator("[name=_continue]").first.click()
    expect(page.locator(".messagelist .success")).to_be_visible()


def press(page, verb):
    """A button of the version's page, then the confirmation."""
    page.locator(".object-tools").get_by_role("link", name=verb, exact=True).click()
    expect(page.locator("#content h1")).to_contain_text("are you sure?")
    page.get_by_role("button", name=f"Yes, {verb.lower()}").click()


def choose(page, field, text):
    page.locator(f".field-{field} .select2-selection").click()
    page.locator(".select2-search__field").fill(text)
    page.locator(".select2-results__option", has_text=text).first.click()


def draft(page):
    page.get_by_role("link", name="New ladder").click()
    page.get_by_label("Key:").fill(KEY)
    page.locator("#id_name").fill(NAME)
    fill_stage(page, 0, name="Release", role="compliance")
    fill_stage(page, 1, name="QA review", role="qa", hours="24")
    page.get_by_text("Add another Stage").click()
    fill_stage(page, 2, name="One too many", role="approver")
    save(page)
    page.get_by_role("button", name="Save and move QA review up").click()
    expect(page.locator(".messagelist")).to_contain_text("Moved and saved.")
    assert stage_names(page) == ["QA review", "Release", "One too many"]
    page.locator("#id_stages-2-DELETE").check()
    page.locator("#id_stages-0-reminder_hours").fill("4")
    page.locator("#id_stages-0-escalation").fill("2: team_owners")
    save(page)
    assert stage_names(page) == ["QA review", "Release"]


def publish_two_versions(page):
    press(page, "Publish")
    expect(page.locator(".messagelist")).to_contain_text(f"Published {NAME} v1.")
    assert page.locator("[name=_continue], #id_name").count() == 0
    press(page, "New version")
    page.locator("#id_stages-0-sla_hours").fill("8")
    save(page)
    press(page, "Publish")
    page.get_by_role("link", name="See in the portal").click()
    page.get_by_role("link", name="Changes since v1").click()
    expect(page.locator("#content")).to_contain_text("QA review, time limit: 24 hours → 8 hours")


def compose_without_a_way_around(jonas, run):
    page = jonas.open(f"{run}exports/new/")
    ladder = page.locator("#ladder")
    for words in (
        "QA review by any qa, within 8 hours",
        "Reminder 4 hours before",
        "After 2 hours overdue the team's owners are told",
    ):
        expect(ladder).to_contain_text(words)
    expect(ladder).to_contain_text("Could sign now: Mira Kessler, Tomas Lindqvist")
    expect(ladder).to_contain_text("No other ladder is accepted for this run.")
    assert ladder.locator("[name=ladder], [name^=stage-]").count() == 0
    page.get_by_role("button", name="Request approval").click()
    page.wait_for_url(re.compile(r"/exports/[0-9a-f-]{36}/"))
    expect(page.locator(".ladder")).to_contain_text("Release")


def archive(olga, version):
    olga.open(f"/governance/ladders/{KEY}/?version={version}").get_by_role("link", name="Open in the admin").click()
    press(olga.page, "Archive")


def test_a_ladder_lives_from_draft_to_archive(visitor):
    olga, jonas = visitor("olga"), visitor("jonas")
    page = olga.open("/governance/ladders/")
    draft(page)
    publish_two_versions(page)

    olga.open("/admin/governance/templateassignment/add/")
    choose(page, "template", f"{NAME} v2")
    choose(page, "protocol", "LUDOX")
    page.locator("[name=_save]").click()
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")

    runs = jonas.open("/executions/?q=LUDOX")
    run = runs.get_by_role("link", name="LUDOX").first.get_attribute("href")
    compose_without_a_way_around(jonas, run)
    olga.open(f"/governance/ladders/{KEY}/")
    expect(page.locator("#used")).to_contain_text("version 2")

    archive(olga, 1)
    expect(page.locator(".messagelist")).to_contain_text(f"Archived {NAME} v1.")
    archive(olga, 2)
    expect(page.locator(".messagelist")).to_contain_text("Revoke its assignments or publish another version first.")
    olga.open("/admin/governance/templateassignment/?revoked_at__isempty=1")
    page.get_by_role("row", name=f"{NAME} v2").get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option("revoke")
    page.locator(".actions button[type=submit], .actions [name=index]").first.click()
    page.get_by_role("button", name="Yes, revoke").click()
    archive(olga, 2)
    expect(page.locator(".messagelist")).to_contain_text(f"Archived {NAME} v2.")
