"""A ladder of three stages with a rejection, a rework, an absence, a delegation and a reset: by mouse, by keyboard."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from biolabs.demo.people import PASSWORD
from tests.e2e.test_walkthrough import run_address

pytestmark = pytest.mark.e2e

RUN = "Plasmid prep pGL4.13, batch 23"
STAGES = [
    ("QA check", "qa", "mira@demo.biolabs.example"),
    ("Release", "approver", "lea@demo.biolabs.example"),
    ("Second look", "qa_lead", ""),
]


class Mouse:
    def __init__(self, page):
        self.page = page

    def press(self, place):
        place.click()

    def write(self, place, text):
        place.fill(text)

    def choose(self, place, words):
        place.select_option(label=words)

    def moment(self, place, moment):
        place.fill(f"{moment:%Y-%m-%dT%H:%M}")


class Keyboard:
    """Everything is reached with Tab; what cannot be reached fails the test."""

    def __init__(self, page):
        self.page = page
        self.keys = page.keyboard

    def reach(self, place, found="element => element === document.activeElement"):
        expect(place).to_be_visible()
        for _ in range(200):
            if place.evaluate(found):
                return
            self.keys.press("Tab")
        raise AssertionError(f"Tab does not lead to {place}")

    def press(self, place):
        kind = place.evaluate("element => element.type || element.tagName")
        if kind == "radio":
            # Tab leads into the group, arrows to its members.
            self.reach(place, "element => document.activeElement.name === element.name")
            for _ in range(20):
                if place.is_checked():
                    return
                self.keys.press("Space" if place.evaluate("e => e === document.activeElement") else "ArrowDown")
            raise AssertionError(f"Arrows do not lead to {place}")
        self.reach(place)
        self.keys.press("Space" if kind == "checkbox" else "Enter")

    def write(self, place, text):
        self.reach(place)
        self.keys.press("Control+A")
        self.keys.type(text)

    def choose(self, place, words):
        self.reach(place)
        self.keys.type(words)
        expect(place.locator("option:checked")).to_have_text(words)

    def moment(self, place, moment):
        self.reach(place)
        self.keys.type(f"{moment:%m%d%Y}")
        self.keys.press("Tab")
        self.keys.type(f"{moment:%I%M%p}")


class Person:
    def __init__(self, visitor, hands):
        self.visitor, self.page, self.hands = visitor, visitor.page, hands(visitor.page)

    def open(self, path):
        return self.visitor.open(path)

    def button(self, words):
        return self.page.get_by_role("button", name=words, exact=True)

    def sign(self, export, *, meaning=None, notes="", verb="Sign and approve"):
        page = self.open(export)
        if meaning:
            self.hands.choose(page.get_by_label("Meaning of your signature"), meaning)
        if notes:
            self.hands.write(page.locator("#sign_notes"), notes)
        self.hands.write(page.get_by_label("Your password"), PASSWORD)
        self.hands.press(self.button(verb))
        expect(page.get_by_text("Your signature is recorded")).to_be_visible()

    def ladder(self, export):
        return self.open(export).locator(".ladder")


@pytest.mark.parametrize("hands", [Mouse, Keyboard])
def test_a_ladder_with_everything_that_happens_to_ladders(visitor, hands):
    people = {
        name: Person(visitor(name, locale="en-US", viewport={"width": 1440, "height": 960}), hands)
        for name in ("jonas", "mira", "tomas", "lea", "ruth", "olga")
    }
    first = _request(people["jonas"])
    people["mira"].sign(first, notes="Attach the gel picture", verb="Reject")
    second = _rework(people["jonas"], first)
    _go_away(people["mira"])
    _sign_for_mira(people["tomas"], second)
    _delegate_to_ruth(people["lea"], second)
    people["ruth"].sign(second, meaning="I have reviewed this record")
    _reset(people["olga"], second)
    assert "Superseded, cycle 1: approved by Ruth Adeyemi" in people["ruth"].ladder(second).inner_text()
    expect(people["ruth"].page.get_by_role("link", name="What changed since you signed")).to_be_visible()
    people["ruth"].sign(second)
    _come_back_and_claim(people["mira"], second)
    people["mira"].sign(second)
    _the_audit_trail_tells_it_all(people["jonas"], second)


def _request(jonas):
    page, hands = jonas.page, jonas.hands
    jonas.open(f"{run_address(page, RUN)}exports/new/")
    hands.press(page.get_by_label("Stages of my own"))
    for number, (name, role, assignee) in enumerate(STAGES):
        if number:
            hands.press(jonas.button("Add a stage"))
            expect(page.locator(f"#stage-{number}-name")).to_be_visible()
        hands.write(page.locator(f"#stage-{number}-name"), name)
        hands.write(page.locator(f"#stage-{number}-role"), role)
        hands.write(page.locator(f"#stage-{number}-hours"), "24")
        if assignee:
            hands.write(page.locator(f"#stage-{number}-assignee"), assignee)
    return _requested(jonas)


def _requested(jonas):
    jonas.hands.press(jonas.button("Request approval"))
    jonas.page.wait_for_url(re.compile(r"/exports/[0-9a-f-]{36}/"))
    return re.search(r"/exports/[0-9a-f-]{36}/", jonas.page.url).group()


def _rework(jonas, rejected):
    page = jonas.open(rejected)
    expect(page.get_by_text("Changes asked")).to_be_visible()
    expect(page.locator(".ladder")).to_contain_text("Reset")
    jonas.hands.press(page.get_by_role("link", name="Request the next version"))
    expect(page.get_by_text("Attach the gel picture")).to_be_visible()
    expect(page.locator("#stage-2-name")).to_have_value("Second look")
    jonas.hands.write(page.get_by_label("Notes for the approvers"), "The gel picture is attached")
    return _requested(jonas)


def _go_away(mira):
    page, hands, now = mira.page, mira.hands, datetime.now(UTC)
    mira.open("/")
    hands.press(page.get_by_role("link", name="Out of office"))
    hands.moment(page.get_by_label("Away from"), now - timedelta(minutes=5))
    hands.moment(page.get_by_label("Until"), now + timedelta(days=7))
    hands.choose(page.locator("[name=stand_in_id]"), "Tomas Lindqvist")
    hands.press(mira.button("Enter absence"))
    expect(page.get_by_text("Away now")).to_be_visible()


def _sign_for_mira(tomas, export):
    page = tomas.open("/")
    expect(page.locator("[data-rows]", has_text="batch 23").first).to_contain_text("for Mira Kessler")
    tomas.sign(export)
    expect(tomas.page.locator(".ladder")).to_contain_text(
        re.compile(r"Tomas Lindqvist for Mira Kessler, absence \d+ .*to \d+ \w+ \d{4} · “I have reviewed")
    )


def _delegate_to_ruth(lea, export):
    page, hands = lea.open(export), lea.hands
    hands.press(page.get_by_text("Delegate…"))
    search = page.get_by_label("Delegate to", exact=True).first
    hands.write(search, "jonas")
    expect(page.get_by_text("Nobody of that name may sign this stage.")).to_be_visible()
    expect(page.get_by_text("Jonas Ortega does not hold the role approver here.")).to_be_visible()
    hands.write(search, "ruth")
    hands.press(page.get_by_role("radio", name="Ruth Adeyemi"))
    hands.write(page.locator("#delegate_notes"), "I am at the conference")
    hands.press(lea.button("Delegate"))
    expect(page.get_by_text("The stage is delegated.")).to_be_visible()
    expect(page.locator(".ladder")).to_contain_text("delegated to Ruth Adeyemi by you")


def _reset(olga, export):
    page, hands = olga.open(export), olga.hands
    stage = page.locator(".ladder > li", has_text="Release")
    hands.press(stage.get_by_text("Reset this stage…"))
    hands.write(stage.get_by_label("Why it is reset"), "The lot number was corrected")
    hands.press(stage.get_by_role("button", name="Reset stage"))
    expect(page.get_by_text("The stage is open again.")).to_be_visible()


def _come_back_and_claim(mira, export):
    page, hands = mira.open("/account/absences/"), mira.hands
    page.on("dialog", lambda dialog: dialog.accept())
    hands.press(page.get_by_role("button", name="End now"))
    expect(page.get_by_text("Away now")).to_have_count(0)
    mira.open(export)
    hands.press(mira.button("Claim"))
    expect(page.get_by_text("The stage is claimed by you.")).to_be_visible()


def _the_audit_trail_tells_it_all(jonas, export):
    page = jonas.open(f"{export}?tab=audit")
    story = " ".join(page.locator("section[aria-label=Record]").inner_text().split())
    told = [
        "stage 1, QA check: waits for a signature",
        "stage 1, QA check: approved by Tomas Lindqvist for Mira Kessler, absence",
        "stage 2, Release: delegated to Ruth Adeyemi by Lea Novak, I am at the conference",
        "stage 2, Release: approved by Ruth Adeyemi for Lea Novak",
        "stage 2, Release: reset by Olga Petrova, was approved, The lot number was corrected",
        "stage 2, Release: approved by Ruth Adeyemi for Lea Novak",
        "stage 3, Second look: claimed by Mira Kessler",
        "stage 3, Second look: approved by Mira Kessler",
        "approved by all 3 stages",
    ]
    for words in told:
        assert words in story, words
        story = story[story.index(words) + len(words) :]
