"""The JSON parser in front of every API view: what it lets through, both databases can store and every client can read.

Stock parsing answers 500 to 100,000 levels, NUL or half a surrogate pair, and one such row breaks a list for everybody.
"""

import json
import math
import re

from django.conf import settings
from rest_framework import serializers
from rest_framework.parsers import BaseParser

from ledger.errors import Invalid, TooLarge
from portal.text import one_line

MAX_DEPTH = 32
MAX_VALUES = 400_000  # 13 bytes a value in the largest body; instruments write 14 and more
SAFE_INTEGER = 2**53 - 1
# Anything that could be wrong inside a value needs one of these in the text; without them no value is looked at.
SUSPICIOUS = re.compile(r"\\u|NaN|Infinity|[0-9]{16}|[0-9][eE]\+?[0-9]{3}")
SURROGATE = re.compile("[\ud800-\udfff]")
# A string without an end is taken whole: tried again from each of its quotes, it would cost the square of its length.
STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
BRACKET_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class _Repeated(dict):
    """An object whose text named one key twice."""

    key = None


def _object(pairs):
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    made = _Repeated(made)
    seen = set()
    made.key = next(key for key, _ in pairs if key in seen or seen.add(key))
    return made


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=float)


def parse_json(data):
    """The value of UTF-8 encoded JSON; `Invalid` names the place, as `attachments.3.label`, of what does not fit.

    `TooLarge` for more than `MAX_VALUES` values, before any is made: millions of empty lists fit into few bytes.
    """
    if _begun(data) > MAX_VALUES and _begun(STRING.sub(b"", data)) > MAX_VALUES:
        sentence = f"The body has more than {MAX_VALUES:,} values. Send it in several requests."
        raise TooLarge(sentence, code="too_many_values", details={"limit": MAX_VALUES})
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed(f"The text is not UTF-8 (byte {error.start}).") from None
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise _malformed(f"{_too_deep()} It begins {_first_too_deep(text)}.", "too_deep") from None
    except ValueError:  # an integer of more than 4,300 digits
        raise _malformed(_too_big(), "unsafe_integer") from None
    _check(value, SUSPICIOUS.search(text) is not None)
    return value


def _begun(data):
    """A comma or an opening bracket stands before every value but the outermost."""
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _malformed(sentence, code="parse_error"):
    return Invalid(f"The body is not usable JSON: {sentence}", code=code)


def _too_deep():
    return f"Nested deeper than {MAX_DEPTH} levels."


def _too_big():
    return "Integers must lie within ±(2^53 − 1); send larger numbers as text."


def _first_too_deep(text):
    depth = 0
    for found in BRACKET_OR_STRING.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found.group(), 0)
        if depth > MAX_DEPTH:
            line = text.count("\n", 0, found.start()) + 1
            return f"in line {line}, column {found.start() - text.rfind(chr(10), 0, found.start())}"
    return "somewhere"


def _check(value, suspicious):
    """Level by level without recursion; the slow walk that knows places starts only when something is wrong."""
    level, depth = [value] if isinstance(value, (dict, list)) else [], 0
    repeated = False
    while level:
        depth += 1
        repeated = repeated or any(type(item) is _Repeated for item in level)
        if depth > MAX_DEPTH or repeated:
            break
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (dict, list))
        ]
    if level or suspicious:
        _find_wrong(value)


def _find_wrong(root):
    todo = [(root, None, 0)]
    while todo:
        value, place, depth = todo.pop()
        if isinstance(value, (dict, list)):
            if depth >= MAX_DEPTH:
                raise _wrong(place, _too_deep(), "too_deep")
            if type(value) is _Repeated:
                raise _wrong((place, value.key), "This key appears twice.", "duplicate_key")
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, child in pairs:
                if isinstance(key, str):
                    _check_scalar(key, (place, key))
                todo.append((child, (place, key), depth + 1))
        else:
            _check_scalar(value, place)


def _check_scalar(value, place):
    if isinstance(value, str):
        if "\x00" in value:
            raise _wrong(place, "The text contains the NUL character.", "null_characters_not_allowed")
        if SURROGATE.search(value):
            raise _wrong(place, "The text contains half a character (a lone surrogate).", "surrogate")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _wrong(place, "NaN, Infinity and numbers beyond 1.8e308 are not JSON.", "not_finite")
    elif isinstance(value, int) and not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        raise _wrong(place, _too_big(), "unsafe_integer")


def _wrong(place, sentence, code):
    parts = []
    while place is not None:
        place, key = place
        parts.append(one_line(key, 60))
    name = one_line(".".join(reversed(parts)), 200) or None
    where = f" At {name}." if name else ""
    return Invalid(
        f"The body is not usable JSON.{where} {sentence}",
        code=code,
        errors=[{"field": name, "code": code, "detail": sentence}],
    )


class ShortListField(serializers.ListField):
    """A list whose length is looked at before its members: stock lists first write an error for each of them."""

    def to_internal_value(self, data):
        if isinstance(data, list) and len(data) > self.max_length:
            raise serializers.ValidationError(f"At most {self.max_length:,} fit here.", code="too_many")
        return super().to_internal_value(data)


class StrictJSONParser(BaseParser):
    """JSON of at most `JSON_MAX_BYTES`, `MAX_VALUES` and 32 levels.

    No NUL, lone surrogate, NaN, unsafe integer or repeated key.
    """

    media_type = "application/json"

    @property
    def max_bytes(self):
        return settings.JSON_MAX_BYTES

    def parse(self, stream, media_type=None, parser_context=None):
        """The parsed body; `Invalid` (400) or `TooLarge` (413)."""
        limit = self.max_bytes
        try:
            announced = int((getattr(stream, "META", None) or {}).get("CONTENT_LENGTH") or 0)
        except ValueError:
            announced = 0
        data = b"" if announced > limit else stream.read(limit + 1)
        if announced > limit or len(data) > limit:
            raise TooLarge(f"The body is larger than {limit:,} bytes.")
        return parse_json(data)


class SmallJSONParser(StrictJSONParser):
    """For calls that anybody may make before signing in."""

    max_bytes = 64 * 1024
