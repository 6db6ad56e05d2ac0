"""What comes from outside, checked before anything is locked. Each function raises Invalid naming the field."""

import unicodedata

from accounts.models import User
from accounts.validation import one_clean_line
from baselines.enums import Decision
from baselines.policies import check_reviewer, stand_ins_of
from experiments.input import identifiers
from ledger.errors import Invalid
from portal.text import clean_text

MAX_NAME = 200
MAX_DESCRIPTION = 20_000
MAX_NOTES = 10_000
MAX_LABELS = 50
MAX_LABEL_KEY = 60
MAX_LABEL_VALUE = 200
MAX_REVIEWERS = 20


def name(value):
    return one_clean_line(value, "name", MAX_NAME)


def description(value):
    return clean_text(value, "description", MAX_DESCRIPTION, required=False)


def notes(value, field="notes", *, needed=None):
    """`needed` is the sentence for an empty text that must not be empty."""
    text = clean_text(value, field, MAX_NOTES, required=False)
    if needed and not text:
        raise Invalid.field(field, needed, "required")
    return text


def decision(value):
    if not isinstance(value, str) or value not in Decision.values:
        raise Invalid.field("decision", "A decision is approve or reject.", "invalid_choice")
    return Decision(value)


def seen(value):
    """How many events of its history the reviewer has read, or None where they do not say."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise Invalid.field("seen", "`seen` is the sequence of the newest event that you have read, 1 or more.")
    return value


def seen_in(text):
    """The same from a page's hidden field; None where it says nothing that could be meant."""
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 10 else None


def labels(values):
    """`[(key, value)]` from a list of `{"key", "value"}` or pairs; keys differ, whatever their case."""
    if values is None:
        return []
    if not isinstance(values, (list, tuple)):
        raise Invalid.field("labels", "Give a list of labels, each with a key and a value.")
    if len(values) > MAX_LABELS:
        raise Invalid.field("labels", f"At most {MAX_LABELS} labels.", "too_many")
    found, seen = [], set()
    for position, given in enumerate(values):
        key, value = _label(given, f"labels.{position}")
        plain = unicodedata.normalize("NFKC", key).casefold()
        if plain in seen:
            raise Invalid.field(f"labels.{position}.key", f"The label {key} is named twice.", "duplicate")
        seen.add(plain)
        found.append((key, value))
    return found


def _label(given, field):
    if isinstance(given, (list, tuple)) and len(given) == 2:
        given = dict(zip(("key", "value"), given, strict=True))
    if not isinstance(given, dict) or not set(given) <= {"key", "value"}:
        raise Invalid.field(field, "A label is an object with a key and a value.")
    key = one_clean_line(given.get("key", ""), f"{field}.key", MAX_LABEL_KEY)
    return key, one_clean_line(given.get("value", ""), f"{field}.value", MAX_LABEL_VALUE, required=False)


def reviewers(values, *, submitter):
    """The people these ids name, in the order given. Read again under the lock: people leave."""
    wanted = identifiers(values, "reviewer_ids")
    if len(wanted) > MAX_REVIEWERS:
        raise Invalid.field("reviewer_ids", f"At most {MAX_REVIEWERS} reviewers.", "too_many")
    people, stand_ins = User.objects.people().in_bulk(wanted), stand_ins_of(submitter.pk)
    for pk in wanted:
        check_reviewer(people.get(pk), submitter=submitter, stand_ins=stand_ins)
    return [people[pk] for pk in wanted]
