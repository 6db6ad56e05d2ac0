from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import canonical_text, digest, loads, longer_than, rfc3339, sha256_text
from ledger.errors import Invalid

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=4),
    max_leaves=12,
)


def test_keys_are_sorted_and_nothing_is_spaced():
    assert canonical_text({"b": 1, "a": [True, None, "é"]}) == '{"a":[true,null,"é"],"b":1}'


def test_negative_zero_and_exponents_have_one_spelling():
    assert canonical_text([-0.0, 1e2, 0.077]) == "[0,100,0.077]"


@given(JSON)
def test_reading_back_and_writing_again_gives_the_same_text(value):
    text = canonical_text(value)
    assert canonical_text(loads(text)) == text


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "not_canonical"),
        (float("inf"), "not_canonical"),
        ("lone \ud800", "not_canonical"),
        ("nul \x00", "nul_character"),
        ({"nul \x00": 1}, "nul_character"),
        (2**53, "unsafe_integer"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value, code):
    with pytest.raises(Invalid) as refusal:
        canonical_text({"value": value})
    assert refusal.value.code == code


def test_nesting_beyond_the_limit_is_refused_before_the_stack_ends():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(Invalid) as refusal:
        canonical_text(value)
    assert refusal.value.code == "too_deep"


def test_times_are_written_in_utc_with_six_decimals():
    moment = datetime(2026, 5, 3, 16, 10, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2026-05-03T14:10:00.000000Z"
    assert canonical_text({"at": moment}) == '{"at":"2026-05-03T14:10:00.000000Z"}'


def test_a_digest_is_the_sha256_of_the_canonical_text():
    assert digest({"b": 1, "a": 2}) == sha256_text('{"a":2,"b":1}')


@given(JSON)
def test_a_value_is_not_called_longer_than_its_text_is(value):
    assert not longer_than(value, len(canonical_text(value).encode()))


@pytest.mark.parametrize("value", ["x" * 99, [[]] * 50, [1] * 50, {str(n): 1 for n in range(20)}])
def test_what_is_surely_too_long_is_seen_without_writing_it(value):
    assert longer_than(value, 90)
