"""A second factor as people meet it: set it up, sign out, sign in with a code, sign a stage with a code."""

import re
import time

import pytest
from playwright.sync_api import expect

from accounts.second_factor import STEP_SECONDS, code_of
from biolabs.demo.people import PASSWORD
from tests.e2e.test_walkthrough import request_export

pytestmark = pytest.mark.e2e
CODE = "Code of your authenticator app"


def codes_in_turn(secret):
    """Codes that are taken now: each counts once and only forward, and may be a step early or late.

    The earliest that has ten seconds left, so that three fit without a wait.
    """
    step = 0
    while True:
        step = max(step + 1, int(time.time() + 10) // STEP_SECONDS - 1)
        time.sleep(max(0, (step - 1) * STEP_SECONDS - time.time()))
        yield code_of(secret, step)


def test_set_up_sign_out_sign_in_and_sign(visitor):
    jonas = visitor("jonas")
    export = request_export(jonas, "Plasmid prep pGL4.13, batch 23", notes="Signed with a second factor")

    tomas = visitor("tomas")
    page = tomas.open("/account/second-factor/")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".qr svg")).to_be_visible()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    codes = codes_in_turn(secret)
    page.get_by_label(CODE).fill(next(codes))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    recovery = page.locator(".recovery-codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 of 10 left")).to_be_visible()

    page.locator("form[action='/sign-out/'] button").click()
    page.wait_for_url("**/sign-in/")
    page.get_by_label("E-mail address").fill("tomas@demo.biolabs.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/sign-in/code/")
    expect(page.get_by_label(CODE)).to_be_focused()
    code = next(codes)
    page.get_by_label(CODE).fill(f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"://[^/]+/$"))

    page = tomas.open(export)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label(CODE).fill(next(codes))
    page.get_by_role("button", name="Sign and approve").click()
    expect(page.locator(".ladder")).to_contain_text("Tomas Lindqvist")

    page = tomas.open("/account/second-factor/")
    page.locator("#remove_password").fill(PASSWORD)
    page.locator("#remove_code").fill(recovery)
    page.get_by_role("button", name="Remove second factor").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("Off"))
