"""The first slice as people do it: request, two signatures, packaging, dossier."""

import re
import zipfile

import bagit
import pytest
from playwright.sync_api import expect

from biolabs.demo.people import PASSWORD

pytestmark = pytest.mark.e2e


def run_address(page, title):
    page.goto("/executions/?q=" + title.replace(" ", "+"))
    return page.get_by_role("link", name=title).first.get_attribute("href")


def request_export(jonas, title, *, notes):
    page = jonas.page
    page.goto(f"{run_address(page, title)}exports/new/")
    page.get_by_label("Stages of my own").check()
    fill_stage(page, 0, name="QA review", role="qa", hours="24")
    page.get_by_role("button", name="Add a stage").click()
    expect(page.locator("#stage-1-name")).to_be_visible()
    fill_stage(page, 1, name="Compliance release", role="compliance", hours="48")
    page.get_by_label("Notes for the approvers").fill(notes)
    page.get_by_role("button", name="Request approval").click()
    page.wait_for_url(re.compile(r"/exports/[0-9a-f-]{36}/"))
    return re.search(r"/exports/[0-9a-f-]{36}/", page.url).group()


def fill_stage(page, number, *, name, role, hours):
    page.locator(f"#stage-{number}-name").fill(name)
    page.locator(f"#stage-{number}-role").fill(role)
    page.locator(f"#stage-{number}-hours").fill(hours)


def sign(person, export):
    page = person.open(export)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign and approve").click()
    page.wait_for_load_state()
    return page


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_from_run_to_checked_dossier(visitor, tmp_path, javascript):
    options = {"java_script_enabled": javascript}
    jonas = visitor("jonas", **options)
    export = request_export(jonas, "Plasmid prep pGL4.13, batch 23", notes=f"Batch 23, JavaScript {javascript}")
    assert jonas.page.get_by_role("button", name="Sign and approve").count() == 0

    tomas, ruth = visitor("tomas", **options), visitor("ruth", **options)
    page = tomas.open("/")
    expect(page.locator(f"a[href^='{export}']").first).to_be_visible()
    page = sign(tomas, export)
    expect(page.locator(".ladder")).to_contain_text("Tomas Lindqvist")
    page = sign(ruth, export)
    expect(page.locator(".ladder")).to_contain_text("Ruth Adeyemi")

    page = jonas.open(export)
    download_link = page.locator("a[href$='/dossier/']:not([aria-disabled=true])").first
    for _ in range(60):
        if download_link.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    with page.expect_download() as download:
        download_link.click()
    download.value.save_as(tmp_path / "dossier.eln")
    with zipfile.ZipFile(tmp_path / "dossier.eln") as archive:
        archive.extractall(tmp_path)
    (bag,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert bagit.Bag(str(bag)).validate()
    assert "Plasmid prep pGL4.13, batch 23" in (bag / "data" / "narrative.md").read_text()


def test_a_wrong_password_signs_nothing_and_keeps_the_notes(visitor):
    mira = visitor("mira")
    page = mira.open("/")
    page.get_by_role("link", name="SARS-CoV-2 N1 assay validation").first.click()
    page.get_by_label("Notes").fill("Checked against plate 3.")
    page.get_by_label("Your password").fill("not my password")
    page.get_by_role("button", name="Sign and approve").click()
    expect(page.get_by_label("Notes")).to_have_value("Checked against plate 3.")
    expect(page.get_by_label("Your password")).to_have_value("")
    expect(page.get_by_text("password").first).to_be_visible()
    expect(page.get_by_role("button", name="Sign and approve")).to_be_visible()
    mira.complaints.clear()  # the browser reports the refused answer itself


def test_another_teams_export_is_not_there(visitor):
    jonas = visitor("jonas")
    page = jonas.open("/exports/")
    assert page.get_by_text("Stability pull").count() == 0
    samir = visitor("samir")
    foreign = samir.open("/exports/").get_by_role("link", name="Stability pull, month 6").first.get_attribute("href")
    assert jonas.page.goto(foreign).status == 404
    jonas.complaints.clear()  # the 404 that was asked for
