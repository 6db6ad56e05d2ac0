import io
import json
import time

import hypothesis
import pytest
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import CharField

from ledger.errors import Invalid, Refusal, TooLarge
from portal.parsing import (
    MAX_DEPTH,
    MAX_VALUES,
    SAFE_INTEGER,
    ShortListField,
    SmallJSONParser,
    StrictJSONParser,
    parse_json,
)


def refused(data):
    with pytest.raises(Invalid) as caught:
        parse_json(data.encode() if isinstance(data, str) else data)
    return caught.value


def place(data):
    return refused(data).errors[0]["field"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -SAFE_INTEGER,
        SAFE_INTEGER,
        1.5e300,
        "",
        "µ 👩‍🔬 \u202e",
        [],
        {},
        {"events": [{"event_type": "qc.plate_read", "payload": {"readings": [{"value": 24.1}]}}]},
    ],
)
def test_ordinary_values_come_out_as_they_went_in(value):
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
NUMBER = st.integers(-SAFE_INTEGER, SAFE_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT


def nested(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)


@hypothesis.given(st.recursive(SCALAR, nested, max_leaves=10))
def test_any_json_that_both_databases_can_keep_is_accepted(value):
    assert parse_json(json.dumps(value).encode()) == value


def test_a_byte_order_mark_is_ignored():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ('{"title": "a\\u0000b"}', "title", "null_characters_not_allowed"),
        ('{"a": [1, {"b\\u0000": 2}]}', "a.1.b\\x00", "null_characters_not_allowed"),
        ('{"title": "\\ud800"}', "title", "surrogate"),
        ('{"\\udfff": 1}', "\\udfff", "surrogate"),
        ('{"events": [{"payload": {"x": NaN}}]}', "events.0.payload.x", "not_finite"),
        ("[1, -Infinity]", "1", "not_finite"),
        ('{"x": 1e999}', "x", "not_finite"),
        ('{"x": 1%s.0}' % ("0" * 400), "x", "not_finite"),
        ('{"x": 9007199254740992}', "x", "unsafe_integer"),
        ('{"x": -9007199254740992}', "x", "unsafe_integer"),
        ('{"a": {"b": 1, "b": 2}}', "a.b", "duplicate_key"),
        ('[{"b": 1, "\\u0062": 2}]', "0.b", "duplicate_key"),
    ],
)
def test_what_does_not_fit_is_refused_and_its_place_named(data, field, code):
    refusal = refused(data)
    assert (refusal.errors[0]["field"], refusal.errors[0]["code"], refusal.code) == (field, code, code)
    assert field in refusal.sentence


def test_a_pair_of_surrogates_is_one_character():
    assert parse_json(b'"\\ud83d\\udd2c"') == "🔬"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "Expecting value (line 1, column 1)"),
        ('{"a": 1,\n "b": }', "line 2, column 7"),
        ('{"a": 1} 2', "Extra data"),
        ("'a'", "Expecting value"),
        ('"a\nb"', "Invalid control character"),
        ('"a\x00b"', "Invalid control character"),
        (b'{"a": "\xff"}', "byte 7"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        ("9" * 5000, "Integers must lie"),
    ],
)
def test_what_is_not_json_is_refused_with_its_position(data, words):
    assert words in refused(data).sentence


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_depth_ends_at_32(open_, close):
    assert parse_json((open_ * MAX_DEPTH + "1" + close * MAX_DEPTH).encode()) is not None
    deeper = MAX_DEPTH + 1
    assert refused(open_ * deeper + "1" + close * deeper).code == "too_deep"


@pytest.mark.parametrize("levels", [500, 5_000, 100_000])
@pytest.mark.parametrize("open_", ["[", '{"a":'])
def test_any_number_of_levels_is_refused_with_its_beginning(levels, open_):
    refusal = refused('{"x": "[[[[", "a":' + open_ * levels)
    assert refusal.status == 400
    assert refusal.code in ("too_deep", "parse_error")


def test_a_body_cut_off_inside_100000_levels_says_where_it_became_too_deep():
    # The string before it holds brackets too; they do not count.
    assert "line 2, column 36" in refused('{"a": "]]",\n"b":' + "[" * 100_000).sentence


def test_the_name_of_a_place_is_short_and_on_one_line():
    name = place('{"%s": {"a\\nb": 1e999}}' % ("k" * 5000))
    assert len(name) < 200
    assert name.endswith("….a\\nb")


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b"x" * 10_000_000 + b'"',
        b'"' + b"\\u00b5" * 1_000_000 + b'"',
        b"[" + b"1," * 2_000_000 + b"1]",
        b"[" + b"[]," * 1_500_000 + b"1]",
        b'"' + b"\\\\" * 3_000_000 + b'"',
        b'["' + b'\\"[' * 3_000_000 + b'"' + b"[" * 100_000,
        b"," * 500_000 + b'"\\' * 3_000_000,
    ],
    ids=["text", "escapes", "numbers", "lists", "backslashes", "quotes", "strings without an end"],
)
def test_megabytes_cost_little(data):
    spent = time.process_time()
    try:
        parse_json(data)
    except Refusal:
        pass
    assert time.process_time() - spent < 10  # quadratic work would take hours


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1", b'{"a":1}', b'"a,b"', b'",\\"["'])
def test_more_values_than_any_instrument_writes_are_refused_before_one_is_made(value):
    most = MAX_VALUES // 2 if value[:1] in b"[{" else MAX_VALUES
    assert len(parse_json(b"[" + b",".join([value] * most) + b"]")) == most
    with pytest.raises(TooLarge) as caught:
        parse_json(b"[" + b",".join([value] * (most + 1)) + b"]")
    assert (caught.value.status, caught.value.code) == (413, "too_many_values")


def test_a_batch_of_a_thousand_plates_is_no_attack():
    plate = {"event_type": "qc.plate_read", "payload": {"readings": [round(0.0123 * n, 4) for n in range(384)]}}
    assert len(parse_json(json.dumps({"events": [plate] * 1000}).encode())["events"]) == 1000


def test_the_members_of_a_list_that_is_too_long_are_not_looked_at():
    looked_at = []

    class Looking(CharField):
        def to_internal_value(self, data):
            looked_at.append(data)
            return data

    field = ShortListField(child=Looking(), max_length=2)
    with pytest.raises(ValidationError) as caught:
        field.run_validation(["a"] * 3)
    assert (caught.value.get_codes(), looked_at) == (["too_many"], [])
    assert field.run_validation(["a", "b"]) == ["a", "b"]


class Stream(io.BytesIO):
    def __init__(self, data, announced=None):
        super().__init__(data)
        self.META = {} if announced is None else {"CONTENT_LENGTH": announced}


def test_a_body_over_the_limit_is_refused_unread(settings):
    settings.JSON_MAX_BYTES = 10
    stream = Stream(b'"0123456789"', announced="12")
    with pytest.raises(TooLarge) as caught:
        StrictJSONParser().parse(stream)
    assert (stream.tell(), caught.value.status) == (0, 413)


@pytest.mark.parametrize("announced", [None, "", "lots", "3"])
def test_a_body_that_hides_its_size_is_read_to_the_limit_only(settings, announced):
    settings.JSON_MAX_BYTES = 10
    stream = Stream(b'"' + b"x" * 1000 + b'"', announced)
    with pytest.raises(TooLarge):
        StrictJSONParser().parse(stream)
    assert stream.tell() == 11


def test_a_body_of_exactly_the_limit_is_parsed(settings):
    settings.JSON_MAX_BYTES = 5
    assert StrictJSONParser().parse(Stream(b"[1,2]", announced="5")) == [1, 2]


def test_calls_before_sign_in_take_little():
    with pytest.raises(TooLarge):
        SmallJSONParser().parse(Stream(b'"' + b"x" * 70_000 + b'"'))
