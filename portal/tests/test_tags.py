import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory

from portal.icons import DRAWINGS
from portal.paging import Page
from portal.templatetags.portal import COLOURS

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DIGEST = "9c1f3b7e5a20d4c8f6b1e09a7d5c3f2184b6a9e0c7d2f5138e4b9a6c1d0fe07a"


def rendered(source, path="/", **context):
    context.setdefault("now", NOW)
    context["request"] = RequestFactory().get(path)
    return Template("{% load portal %}" + source).render(Context(context)).strip()


# --- Small parts ---


@pytest.mark.parametrize("name", DRAWINGS)
def test_icons_are_hidden_from_screen_readers_and_carry_no_style(name):
    html = rendered("{% icon name %}", name=name)
    assert 'aria-hidden="true"' in html
    assert "style=" not in html


def test_an_unknown_icon_is_a_mistake_that_shows():
    with pytest.raises(KeyError):
        rendered('{% icon "no such" %}')


@pytest.mark.parametrize(
    ("status", "html"),
    [
        ("approved", '<span class="pill good">Approved</span>'),
        ("in_progress", '<span class="pill accent">In progress</span>'),
        ("queued", '<span class="pill warn">Queued</span>'),
        ("pending", '<span class="pill">Pending</span>'),
        ("failed", '<span class="pill bad">Failed</span>'),
        ("reset", '<span class="pill">Reset</span>'),
        ("<b>", '<span class="pill">&lt;b&gt;</span>'),
        (None, '<span class="pill">Unknown</span>'),
    ],
)
def test_a_status_has_its_colour_and_its_words(status, html):
    assert rendered("{% status_pill status %}", status=status) == html


def test_a_status_can_be_told_in_other_words():
    assert rendered('{% status_pill "pending" "Waiting" %}') == '<span class="pill">Waiting</span>'


def test_no_status_has_two_colours():
    named = " ".join(COLOURS.values()).split()
    assert len(named) == len(set(named))


def test_a_hash_shows_its_ends_and_copies_whole():
    html = rendered("{% short_hash digest %}", digest=DIGEST)
    assert f'title="{DIGEST}"' in html
    assert f'data-copy="{DIGEST}"' in html
    assert "<code>9c1f…e07a</code>" in html
    assert "Copy sha256 9c1f…e07a" in html


def test_a_hash_that_is_not_there_yet():
    assert rendered("{% short_hash None %}") == '<span class="chip">sha256 none</span>'


@pytest.mark.parametrize(
    ("user", "letters"),
    [
        (SimpleNamespace(full_name="Mira Kessler", email=""), "MK"),
        (SimpleNamespace(full_name="Ada", email=""), "A"),
        (SimpleNamespace(full_name="", email="jonas.ortega@example.org"), "JO"),
        (SimpleNamespace(full_name="Анна де ла Крус", email=""), "АК"),
        (SimpleNamespace(full_name="123", email=""), "?"),
        (SimpleNamespace(full_name="<script>", email=""), "S"),
    ],
)
def test_initials(user, letters):
    assert rendered("{% avatar user %}", user=user) == f'<span class="avatar" aria-hidden="true">{letters}</span>'


def test_a_person_is_named_beside_the_initials():
    html = rendered("{% person user %}", user=SimpleNamespace(full_name="Ada <Ng>", email=""))
    assert html.endswith("<span>Ada &lt;Ng&gt;</span></span>")
    assert "–" in rendered("{% person None %}")


# --- Times ---


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("relative", "in 2 h"),
        ("both", "23 Nov 2026 14:05 UTC · in 2 h"),
        ("utc", "23 Nov 2026 14:05 UTC"),
        ("clock", "14:05:00"),
        ("day", "Mon 23 Nov"),
    ],
)
def test_a_moment_is_told_with_its_exact_time(style, words):
    html = rendered("{% when moment style %}", moment=NOW + timedelta(hours=2, minutes=5), style=style)
    title = "Mon 23 Nov 2026, 14:05:00 UTC"
    assert html == f'<time datetime="2026-11-23T14:05:00Z" title="{title}">{words}</time>'


def test_no_moment_is_a_dash():
    assert rendered("{% when None %}{% due None %}").count("–") == 2


@pytest.mark.parametrize(
    ("away", "colour", "words"),
    [
        (timedelta(hours=-3, minutes=-12), "pill bad", "3 h 12 min late"),
        (timedelta(0), "pill warn", "now"),
        (timedelta(hours=2), "pill warn", "in 2 h"),
        (timedelta(hours=24), "pill", "Tue 24 Nov"),
        (timedelta(days=60), "pill", "Fri 22 Jan 2027"),
    ],
)
def test_a_due_date_says_how_urgent_it_is(away, colour, words):
    html = rendered("{% due moment %}", moment=NOW + away)
    assert f'class="{colour}"' in html
    assert f">{words}</time>" in html


# --- Buttons ---


def test_a_button_that_may_be_pressed():
    html = rendered(
        '{% button "Sign" kind="primary" name="decision" value="approved" data_alt_enter=True hx_post=None %}'
    )
    assert html == (
        '<button type="submit" class="button primary" name="decision" value="approved" data-alt-enter>Sign</button>'
    )


@pytest.mark.parametrize("tag", ['{% button "Sign" why_not=why %}', '{% link_button "Sign" "/x/" why_not=why %}'])
def test_a_button_that_may_not_be_pressed_does_nothing_and_says_why(tag):
    html = rendered(tag + tag, why="You requested <this>.")
    names = re.findall(r'<button type="button" class="button" aria-disabled="true" aria-describedby="([\w-]+)">', html)
    assert len(set(names)) == 2
    assert [f'id="{name}">You requested &lt;this&gt;.' in html for name in names] == [True, True]
    assert "href" not in html


def test_a_link_without_an_address_is_no_link():
    assert 'aria-disabled="true"' in rendered('{% link_button "Dossier" None %}')
    html = rendered('{% link_button "Dossier" href icon="download" %}', href="/d/?a=1&b")
    assert html.startswith('<a class="button" href="/d/?a=1&amp;b"><svg')


# --- Forms ---


class Form(forms.Form):
    notes = forms.CharField(widget=forms.Textarea, help_text="Why?", max_length=5)
    team = forms.CharField(required=False)
    role = forms.ChoiceField(widget=forms.RadioSelect, choices=[("a", "A"), ("b", "B")], help_text="One")
    sure = forms.BooleanField()
    token = forms.CharField(widget=forms.HiddenInput)


def test_a_field_wires_label_hint_and_error_to_the_control():
    form = Form({"notes": "<far too long>"})
    html = rendered("{% field form.notes rows=2 %}", form=form)
    assert '<label for="id_notes">Notes</label>' in html
    control = re.search(r"<textarea[^>]*>", html).group()
    assert 'aria-describedby="id_notes_helptext id_notes_error"' in control
    assert 'aria-invalid="true"' in control
    assert 'rows="2"' in control
    assert 'id="id_notes_helptext">Why?' in html
    assert 'id="id_notes_error"' in html
    assert "&lt;far too long&gt;" in html


def test_a_field_without_hint_and_error_points_nowhere():
    html = rendered("{% field form.team %}", form=Form())
    assert "aria-describedby" not in html
    assert "(optional)" in html


def test_choices_are_a_group_with_a_legend():
    html = rendered("{% field form.role %}", form=Form({}))
    assert '<fieldset class="field" aria-describedby="id_role_helptext id_role_error">' in html
    assert "<legend>Role</legend>" in html


def test_a_box_stands_before_its_label():
    html = rendered("{% field form.sure %}", form=Form())
    assert html.index("<input") < html.index("<label")


def test_the_summary_names_every_error_and_leads_to_its_field():
    form = Form({"notes": "x", "role": "a", "sure": "on"})
    form.add_error(None, "Somebody was <faster>.")
    form.add_error("notes", "Say more.")
    html = rendered("{% error_summary form %}", form=form)
    assert 'role="alert" tabindex="-1" data-focus' in html
    assert "<li>Somebody was &lt;faster&gt;.</li>" in html
    assert '<li><a href="#id_notes">Notes</a>: Say more.</li>' in html
    assert "<li>Token: This field is required.</li>" in html


def test_a_form_without_errors_has_no_summary():
    assert rendered("{% error_summary form %}", form=Form()) == ""


# --- Larger parts ---


@pytest.mark.parametrize(
    ("value", "most", "percent"), [(14, 20, "70"), (0, 20, "0"), (30, 20, "100"), (None, 20, None), (5, 0, None)]
)
def test_progress_says_what_and_how_far(value, most, percent):
    html = rendered('{% progress value most "Packaging" %}', value=value, most=most)
    assert re.search(r'id="(progress-[0-9a-f]+)">Packaging<.*aria-labelledby="\1"', html)
    assert re.search(r'<progress max="100"(?: value="(\d+)")?', html).group(1) == percent


def test_the_pager_keeps_filters_and_takes_the_next_cursor():
    page = Page(["row"], "abc", cursor="old")
    html = rendered("{% pager page rows='#rows' columns=5 %}", path="/?q=a%26b&cursor=old&limit=5", page=page)
    assert 'colspan="5"' in html
    assert 'href="?q=a%26b&amp;cursor=abc&amp;limit=5"' in html or 'href="?q=a%26b&amp;limit=5&amp;cursor=abc"' in html
    assert 'hx-select="#rows &gt; *"' in html or 'hx-select="#rows > *"' in html
    assert 'href="?q=a%26b&amp;limit=5">Back to the start' in html


def test_a_list_on_one_page_has_no_pager():
    assert rendered("{% pager page %}", page=Page(["row"])) == ""


def test_a_query_changes_and_starts_over_at_the_first_page():
    path = "/?status=a&status=b&q=x&cursor=abc"
    assert rendered('{% query_with q="y" status=None %}', path=path) == "?q=y"
    assert rendered("{% query_with cursor=None %}", path=path) == "?status=a&amp;status=b&amp;q=x"
    assert rendered("{% query_with q=None status=None %}", path=path) == "?"
    assert rendered("{% query_with q=word %}", path="/", word="<&>") == "?q=%3C%26%3E"


def test_an_empty_list_says_what_to_do():
    html = rendered('{% empty "Nothing to sign" "It appears here." href="/x/" action="New export" %}')
    assert "Nothing to sign" in html
    assert '<a class="button" href="/x/">New export</a>' in html


def test_filters_take_hostile_values():
    html = rendered("{{ value|one_line }} {{ value|markdown }} {{ 5|filesize }} {{ 60|duration }}", value="<b>\u202e\n")
    assert html.startswith("&lt;b&gt;\\u202e\\n <p>&lt;b&gt;")
    assert html.endswith("5 bytes 1 min")
