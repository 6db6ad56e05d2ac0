import re
import time
from datetime import UTC, datetime, timedelta, timezone

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Invalid
from portal import text

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def shown(source):
    """What a reader sees of Markdown: the text between the tags."""
    return re.sub("<[^>]+>", "", text.markdown_html(source))


# --- One line ---


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, ""),
        (True, "true"),
        (0, "0"),
        (2.5, "2.5"),
        ("plain", "plain"),
        ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
        ("a\x00\x1b[31m\x7f\x85", "a\\x00\\x1b[31m\\x7f\\x85"),
        ("gnp.\u202egpj", "gnp.\\u202egpj"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("👨‍👩‍👧 µ é \xa0", "👨‍👩‍👧 µ é \xa0"),
    ],
)
def test_one_line_shows_what_would_break_or_turn_a_line(value, line):
    assert text.one_line(value) == line


@given(st.text())
def test_one_line_is_one_line_for_any_text_and_can_be_encoded(value):
    line = text.one_line(value)
    line.encode()
    assert len(line.splitlines()) <= 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", line)


def test_one_line_can_be_cut():
    assert text.one_line("0123456789", 5) == "0123…"


# --- Values inside Markdown ---

FORGERIES = [
    "# Approved by QA",
    "x\n\n# Approved by QA",
    "- [x] signed",
    "1. first",
    "12) first",
    "> quoted",
    "---",
    "===",
    "~~~",
    "```",
    "<script>alert(1)</script>",
    "<http://evil.example>",
    "[QA](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "[QA]: https://evil.example",
    "**Approved**",
    "_Approved_",
    "`code`",
    "a | b",
    "~~struck~~",
    "\\*",
    "&lt;b&gt;",
    "&copy;",
    "plate3_raw_v2.eds",
    "1 < 2 > 0 & 3",
    "+ plus",
    ": definition",
]


@pytest.mark.parametrize("value", FORGERIES)
def test_an_escaped_value_renders_as_its_own_text_and_nothing_else(value):
    html = text.markdown_html(text.escape_markdown(value))
    escaped = text.one_line(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html == f"<p>{escaped}</p>"


@pytest.mark.parametrize("value", FORGERIES)
def test_an_escaped_value_renders_the_same_in_a_list_and_with_another_reader(value):
    plain = markdown.markdown(f"- name: {text.escape_markdown(value)}", extensions=["tables"])
    assert re.fullmatch(r"<ul>\n<li>name: [^<]*</li>\n</ul>", plain)


def test_ordinary_file_names_are_not_disfigured():
    assert text.escape_markdown("plate3_raw.eds (v2), 3 < 4") == "plate3_raw.eds (v2), 3 < 4"


@pytest.mark.parametrize("value", ["", "a", "`", "a`b``c", "`x`", "  ", "a\nb", "``` x"])
def test_a_code_span_shows_its_value_only(value):
    html = text.markdown_html(f"x {text.code_span(value)} y")
    assert html.count("<code>") <= 1
    assert shown(f"x {text.code_span(value)} y").split() == f"x {text.one_line(value)} y".split()


@pytest.mark.parametrize("inside", ["x", "", "```\n# forged\n```", "````", "~~~\nx\n~~~", "a\r```\rb", "x\n"])
def test_nothing_inside_a_fence_can_close_it(inside):
    html = text.markdown_html(f"{text.fence(inside, 'json')}\nafter\n")
    assert "<h" not in html
    assert html.count("<pre") == 1
    assert html.endswith("<p>after</p>")


def test_a_fence_is_longer_than_any_run_inside():
    assert text.fence("a ```` b", "json") == "`````json\na ```` b\n`````\n"


# --- Markdown to HTML ---


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<style>*{display:none}</style>",
        '<div id="content" style="position:fixed">x</div>',
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "![x](https://evil.example/pixel.png)",
        "![x][1]\n\n[1]: https://evil.example/pixel.png",
        "<svg/onload=alert(1)>",
        '[x](https://a.example "onmouseover=alert(1) \\"<table>")',
        "```html\n<script>alert(1)</script>\n```",
        "|a|\n|-|\n|<script>alert(1)</script>|",
        "\x02wzxhzdk:0\x03",
    ],
)
def test_hostile_markdown_becomes_text(source):
    html = text.markdown_html(source)
    tags = re.findall(r"<(\w+)((?:\s+[\w-]+(?:=\"[^\"]*\")?)*)\s*>", html)
    assert not {name for name, _ in tags} - text.TAGS
    attributes = {name for _, found in tags for name in re.findall(r"([\w-]+)=\"", found)}
    assert attributes <= {"href", "rel", "title", "class", "role", "aria-label", "tabindex", "align"}
    assert all(re.match(r"https?:|mailto:", href) for href in re.findall(r'href="([^"]*)"', html))


def test_html_in_the_source_stays_readable():
    assert shown("before <b>bold</b> <script>x</script>") == (
        "before &lt;b&gt;bold&lt;/b&gt; &lt;script&gt;x&lt;/script&gt;"
    )


def test_links_leave_nothing_behind():
    assert text.markdown_html("[x](https://a.example)") == (
        '<p><a href="https://a.example" rel="noopener noreferrer nofollow">x</a></p>'
    )


def test_headings_stand_below_the_heading_of_the_page():
    html = text.markdown_html("# a\n\n## b\n\n###### c")
    assert html == "<h2>a</h2>\n<h3>b</h3>\n<h6>c</h6>"
    assert text.markdown_html("# a", heading_offset=0) == "<h1>a</h1>"


def test_tables_and_code_can_be_scrolled_by_keyboard():
    html = text.markdown_html("| a | b |\n|---|--:|\n| 1 | 2 |\n\n    code")
    assert '<div aria-label="Table" class="scroll" role="group" tabindex="0"><table>' in html
    assert '<td align="right">2</td>' in html
    assert '<pre tabindex="0"><code>code' in html


def test_the_end_of_a_long_text_is_announced_not_lost_silently():
    html = text.markdown_html("# x\n" + "y" * 100, max_length=50)
    assert html.startswith('<pre class="plain" tabindex="0"># x\n')
    assert html.endswith("… (54 more characters)</pre>")


@pytest.mark.parametrize(
    "part", ["[", "![", "[a](", "[a][", "1. ", "> ", "*_", "**a", "`` ` ", "<a ", "&lt;", "\\", "(("]
)
def test_twenty_thousand_hostile_characters_cost_little(part):
    spent = time.process_time()
    text.markdown_html((part * 20_000)[:20_000])
    assert time.process_time() - spent < 10  # a minute and more without the limits


def test_many_brackets_that_are_no_links_are_shown():
    assert shown("[" * 300 + "x") == "[" * 300 + "x"


# --- File names ---


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("plate3_raw.eds", "plate3_raw.eds"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\plate 3.csv", "plate_3.csv"),
        ("naïve plot ü.PNG", "naive_plot_u.PNG"),
        ("📈.csv", "file.csv"),
        ("测试", "file"),
        ("", "file"),
        ("..", "file"),
        (".", "file"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Lpt1.tar.gz", "_Lpt1.tar.gz"),
        ("console.txt", "console.txt"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\x00b\n.txt", "a_b.txt"),
        ("run.2026.11.eln", "run.2026.11.eln"),
        ("a.thisisnotanextension", "a.thisisnotanextension"),
        ("x" * 300 + ".eln", "x" * 115 + ".eln"),
    ],
)
def test_a_file_name_becomes_harmless_and_keeps_its_extension(given_name, name):
    assert text.safe_filename(given_name) == name


@given(st.text())
def test_any_file_name_becomes_harmless(given_name):
    name = text.safe_filename(given_name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}", name)
    assert not name.endswith(".")
    assert ".." not in name
    assert not text.RESERVED_NAMES.match(name)
    assert text.safe_filename(name) in (name, name.lstrip("_") or "file")


# --- Text from outside ---


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "not_a_text"),
        (5, "not_a_text"),
        (["x"], "not_a_text"),
        ("a\x00b", "null_characters_not_allowed"),
        ("\ud800", "surrogate"),
        ("x" * 11, "max_length"),
        ("", "blank"),
        (" \n ", "blank"),
    ],
)
def test_unusable_text_is_refused_at_its_field(value, code):
    with pytest.raises(Invalid) as caught:
        text.clean_text(value, "title", 10)
    assert [(error["field"], error["code"]) for error in caught.value.errors] == [("title", code)]


def test_text_loses_its_outer_spaces_and_foreign_line_ends():
    assert text.clean_text("  a\r\nb\rc  ", "title", 10) == "a\nb\nc"
    assert text.clean_text(None, "notes", 10, required=False) == ""


# --- Sizes and times ---


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (99_960, "100 kB"),
        (999_600, "1.0 MB"),
        (18_400_000, "18.4 MB"),
        (1_300_000_000, "1.3 GB"),
        (5 * 10**15, "5,000 TB"),
    ],
)
def test_sizes_in_words(size, words):
    assert text.file_size(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3 * 3600 + 12 * 60, "3 h 12 min"),
        (-(2 * 3600 + 5 * 60), "2 h 05 min"),
        (2 * 3600, "2 h"),
        (47 * 3600, "47 h"),
        (50 * 3600, "2 days 2 h"),
        (30 * 86400 + 3600, "30 days"),
    ],
)
def test_durations_in_words(seconds, words):
    assert text.duration(seconds) == words
    assert text.duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=5), "in 5 min"),
        (timedelta(hours=2, minutes=59), "in 2 h"),
        (timedelta(hours=-3), "3 h ago"),
        (timedelta(days=-2), "2 days ago"),
        (timedelta(days=90), "in 3 months"),
        (timedelta(days=-400), "1 year ago"),
    ],
)
def test_how_far_away_a_moment_is(away, words):
    assert text.relative(NOW + away, NOW) == words


def test_moments_are_told_in_utc():
    elsewhere = datetime(2026, 11, 23, 9, 41, tzinfo=UTC).astimezone(timezone(timedelta(hours=-7)))
    assert text.moment(elsewhere) == "23 Nov 2026 09:41 UTC"
    assert text.day(elsewhere, NOW) == "Mon 23 Nov"
    assert text.day(elsewhere) == "Mon 23 Nov 2026"
