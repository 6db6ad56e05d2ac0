import os
import re
import shutil

import pytest

from biolabs.demo.people import PASSWORD
from tests.running_portal import Portal

HOME = re.compile(r"://[^/]+/$")  # a glob would match every address that ends in a slash
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Playwright's own loop makes Django think it is asynchronous.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def portal(tmp_path_factory):
    running = Portal(tmp_path_factory.mktemp("browser-portal"))
    try:
        yield running.start(demo=True)
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM:
        pytest.skip("no chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield chromium
        chromium.close()


class Visitor:
    """A person at a browser; console errors and failed pages are collected and must stay empty."""

    def __init__(self, browser, portal, **options):
        self.portal = portal
        self.context = browser.new_context(base_url=portal.address, accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints = []
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, name):
        self.page.goto("/sign-in/")
        self.page.get_by_label("E-mail address").fill(f"{name}@demo.biolabs.example")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(HOME)
        return self

    def open(self, path):
        answer = self.page.goto(path)
        assert answer.status == 200, f"{path}: {answer.status}"
        return self.page

    def overflows(self):
        return self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.fixture
def visitor(browser, portal):
    """Makes visitors: `visitor("jonas", viewport=…)`; None is somebody who is not signed in."""
    made = []

    def make(name=None, **options):
        made.append(Visitor(browser, portal, **options))
        return made[-1].sign_in(name) if name else made[-1]

    yield make
    for person in made:
        person.context.close()
    assert [person.complaints for person in made if person.complaints] == []
