"""The canonical form of JSON is that of RFC 8785, so that anybody can compute a pack's hash."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.packs.canonical import canonical, rounded, sha256

# RFC 8785, appendix B: a double's bits, and how it is written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "becbf647612f3696": "-0.0000033333333333333333",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_a_number_is_written_as_the_rfc_says(bits: str, text: str):
    (value,) = struct.unpack(">d", bytes.fromhex(bits))

    assert canonical(value) == text


def test_names_are_sorted_by_utf_16_and_texts_escape_no_more_than_they_must():
    document = {"€": 1, "\r": 2, "\ufb33": 3, "1": [True, None], "😀": "\u20ac$\u000f\nA'B\"\\/", "\u0080": 5, "ö": 6}

    assert list(json.loads(canonical(document))) == ["\r", "1", "\u0080", "ö", "€", "😀", "\ufb33"]
    assert canonical(document["😀"]) == '"€$\\u000f\\nA\'B\\"\\\\/"'


NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_is_read_as_the_same_value_and_hash(value: object):
    again = json.loads(canonical(value))

    # Every number is a double: 1.0 and 1 are one, and so are whole ones beyond what a double tells apart.
    assert canonical(again) == canonical(value)
    assert sha256(again) == sha256(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_what_json_cannot_say_is_refused(value: object):
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


def test_the_last_digits_of_a_sum_do_not_change_the_hash():
    first, second = sum([0.1] * 10), 10 * 0.1

    assert first != second
    assert rounded({"mean": [first]}) == rounded({"mean": [second]})
    assert rounded(float("nan")) is None
