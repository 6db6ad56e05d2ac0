"""Text and controls can be told from what they stand on, in both themes (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = Path(settings.BASE_DIR, "static", "css")
TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", (CSS / "tokens.css").read_text()
    )
}
GROUNDS = ("bg", "surface", "sunken", "accent-soft", "active-row")
TEXTS = ("ink", "ink-2", "ink-3", "accent", "good", "warn", "bad")
PAIRS = [(text, ground) for text in TEXTS for ground in GROUNDS]
PAIRS += [(name, f"{name}-soft") for name in ("accent", "good", "warn", "bad", "idle")]
PAIRS += [("ink", f"{name}-soft") for name in ("good", "warn", "bad")]
PAIRS += [("accent-ink", name) for name in ("accent", "good", "bad")]


def brightness(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((brightness(one), brightness(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out(text, ground, theme):
    assert contrast(TOKENS[text][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["bg", "surface", "sunken"])
def test_the_edge_of_a_control_stands_out(ground, theme):
    assert contrast(TOKENS["control"][theme], TOKENS[ground][theme]) >= 3


@pytest.mark.parametrize("sheet", ["portal.css", "record.css"])
def test_every_colour_is_a_token(sheet):
    rules = re.sub(r"/\*.*?\*/", "", (CSS / sheet).read_text(), flags=re.DOTALL)
    assert re.findall(r"(?<![-\w&])#[0-9a-fA-F]{3,8}\b(?![^{}]*\{)", rules) == ["#fff"] * rules.count("#fff")
