"""Fields and widgets of the ladders' forms in the admin. Everything works without JavaScript."""

import re

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.utils.html import format_html, format_html_join

from accounts.models import Team, User
from experiments.models import Protocol
from governance.ladder_files import find_template
from governance.stage_rules import MAX_HOURS, TEAM_OWNERS
from ledger.errors import Refusal

RUNG = re.compile(r"\s*(\d{1,5})\s*(?:h|hours?)?\s*:\s*(\S.*?)\s*\Z", re.ASCII | re.IGNORECASE)
NOBODY = "00000000-0000-4000-8000-000000000000"  # the id of no row: a text that finds nothing is no choice
OWNERS_WORDS = {TEAM_OWNERS, "team owners", "owners"}


class CommaField(forms.CharField):
    """A list, typed with commas between its entries."""

    def __init__(self, *, numbers=False, **options):
        super().__init__(required=False, max_length=20_000, **options)
        self.numbers = numbers

    def prepare_value(self, value):
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value):
        entries = [entry.strip() for entry in super().clean(value).split(",") if entry.strip()]
        if self.numbers and not all(entry.isascii() and entry.isdigit() and len(entry) < 9 for entry in entries):
            raise forms.ValidationError("Whole numbers with commas between them, for example 0, 2, 5.")
        return [int(entry) for entry in entries] if self.numbers else entries

    def has_changed(self, initial, data):
        return super().has_changed(self.prepare_value(initial), data)


class EscalationField(forms.CharField):
    """Who is told when a stage is overdue: one rung a line, `4: team_owners` or `24: mira@example.org`.

    Cleaned to `[{"after_hours", "to"}]`, where `to` is TEAM_OWNERS or an e-mail address in lower case.
    """

    widget = forms.Textarea(attrs={"rows": 3, "cols": 40})

    def __init__(self, **options):
        super().__init__(required=False, max_length=5_000, **options)

    def prepare_value(self, value):
        return "\n".join(f"{rung['after_hours']}: {rung['to']}" for rung in value) if isinstance(value, list) else value

    def clean(self, value):
        return [self._rung(line) for line in super().clean(value).splitlines() if line.strip()]

    def _rung(self, line):
        found = RUNG.match(line)
        if not found or int(found[1]) > MAX_HOURS:
            raise forms.ValidationError(
                f"“{line.strip()[:80]}” is no line like “4: {TEAM_OWNERS}” or “24: mira@example.org”: "
                f"hours after the deadline (0 to {MAX_HOURS:,}), a colon, who is told."
            )
        who = found[2].lower()
        return {"after_hours": int(found[1]), "to": TEAM_OWNERS if who in OWNERS_WORDS else who}

    def has_changed(self, initial, data):
        return super().has_changed(self.prepare_value(initial), (data or "").replace("\r\n", "\n"))


class PositionInput(forms.NumberInput):
    """The position and, for a stage that is saved, buttons that move it without any script."""

    def __init__(self, row="", stage=""):
        super().__init__(attrs={"min": 1, "class": "vIntegerField"})
        self.row, self.stage = row, stage

    def render(self, name, value, attrs=None, renderer=None):
        number = super().render(name, value, attrs, renderer)
        if not self.row:
            return number
        ways = [(self.row, way, f"Save and move {self.stage} {way}", way.capitalize()) for way in ("up", "down")]
        button = '<button type="submit" class="button" name="_move" value="{}:{}" aria-label="{}">{}</button> '
        return format_html("{} {}", number, format_html_join("", button, ways))


class SearchOrType(AutocompleteSelect):
    """The admin's search field, and a plain input where there is no script; `find(text)` answers a row or None."""

    def __init__(self, field, admin_site, *, find, words, **options):
        super().__init__(field, admin_site, **options)
        self.find, self.words, self.typed = find, words, ""

    def build_attrs(self, base_attrs, extra_attrs=None):
        # Without words in it the field has no name for who hears the page.
        return super().build_attrs(base_attrs, extra_attrs) | {
            "data-placeholder": f"Choose the {self.field.verbose_name}"
        }

    def value_from_datadict(self, data, files, name):
        self.typed = str(data.get(f"{name}-typed") or "").strip()
        if not self.typed:
            return super().value_from_datadict(data, files, name)
        row = None if "\x00" in self.typed else self.find(self.typed)
        return str(row.pk if row else NOBODY)

    def value_omitted_from_data(self, data, files, name):
        return super().value_omitted_from_data(data, files, name) and f"{name}-typed" not in data

    def render(self, name, value, attrs=None, renderer=None):
        typed = (
            '<noscript><input type="text" name="{}-typed" value="{}" maxlength="254" aria-label="{}" placeholder="{}">'
        )
        return format_html(
            "{}" + typed + "</noscript>",
            super().render(name, value, attrs, renderer),
            name,
            "" if value and str(value) != NOBODY else self.typed,
            self.words,
            self.words,
        )


def person_at(address):
    return User.objects.active().filter(email=address.lower()).first()


def ladder_named(text):
    try:
        return find_template(text)
    except Refusal:
        return None


def team_named(text):
    return Team.objects.filter(name__iexact=text).first()


def protocol_named(text):
    """By name, or by name and version as lists show it; None where two protocols go by the same."""
    name, _, version = text.rpartition(", version ")
    by_version = Protocol.objects.filter(name__iexact=name, version=version) if name else Protocol.objects.none()
    found = list(by_version[:2]) or list(Protocol.objects.filter(name__iexact=text)[:2])
    return found[0] if len(found) == 1 else None
