"""Canonical JSON (RFC 8785): the only form that is hashed or signed."""

import hashlib
import json
from datetime import UTC, date, datetime
from uuid import UUID

import rfc8785

from ledger.errors import Invalid

MAX_DEPTH = 32
SAFE_INTEGER = 2**53 - 1


def canonical_text(value):
    """The RFC 8785 text of a JSON value; times, dates and UUIDs are written as strings.

    Raises Invalid for what has no canonical form (NaN, lone surrogates, NUL, integers beyond 2^53, too deep).
    """
    try:
        return rfc8785.dumps(plain(value)).decode("utf-8")
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Invalid(f"This value has no canonical form: {error}", code="not_canonical") from error


def plain(value, depth=0):  # noqa: PLR0911 one line a JSON type
    """The same value made of dict, list, str, int, float, bool and None only."""
    if depth > MAX_DEPTH:
        raise Invalid(f"JSON may be nested {MAX_DEPTH} levels deep at most.", code="too_deep")
    if isinstance(value, dict):
        return {_key(key): plain(member, depth + 1) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member, depth + 1) for member in value]
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER:
            raise Invalid("Integers must lie within ±(2^53 - 1).", code="unsafe_integer")
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, (date, UUID)):
        return str(value)
    return _text(str(value))


def longer_than(value, most):
    """Whether the canonical text of a JSON value is surely longer than `most` bytes; stops as soon as it is sure."""
    todo, least = [value], 0
    while todo and least <= most:
        item = todo.pop()
        if isinstance(item, dict):
            least += 1 + 4 * len(item)  # braces, and of each member its comma, colon and quotes
            todo.extend(item.values())
        elif isinstance(item, (list, tuple)):
            least += 1 + len(item)
            todo.extend(item)
        else:
            least += 2 + len(item) if isinstance(item, str) else 1
    return least > most


def object_text(value, field, *, most):
    """The canonical text of a JSON object of `most` bytes at most; None counts as empty. Raises Invalid at `field`."""
    if value is None:
        return "{}"
    if not isinstance(value, dict):
        raise Invalid.field(field, f"{field.capitalize()} must be an object.")
    try:
        text = None if longer_than(value, most) else canonical_text(value)
    except Invalid as refusal:
        raise Invalid.field(field, refusal.sentence, refusal.code) from refusal
    if text is None or len(text.encode("utf-8")) > most:
        raise Invalid.field(field, f"{field.capitalize()} holds {most // 1024} KiB at most.", "too_large")
    return text


def _key(key):
    return _text(key if isinstance(key, str) else str(key))


def _text(text):
    # PostgreSQL cannot store NUL; a lone surrogate has no UTF-8 form.
    if "\x00" in text:
        raise Invalid("Text must not contain the NUL character.", code="nul_character")
    return str(text)


def rfc3339(moment):
    """UTC with six decimals and `Z`: one spelling a moment, so that texts compare and hash alike."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sha256_text(text):
    """Hex SHA-256 over the UTF-8 bytes of a text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def digest(value):
    """Hex SHA-256 over the canonical JSON of a value."""
    return sha256_text(canonical_text(value))


def loads(text):
    """Parse a stored canonical text; writing the result again gives the same text."""
    return json.loads(text, parse_int=_number)


def _number(digits):
    # RFC 8785 writes a float such as 1e16 without an exponent; it must stay a float.
    number = int(digits)
    return number if abs(number) <= SAFE_INTEGER else float(digits)
