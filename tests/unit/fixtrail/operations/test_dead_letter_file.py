"""Many dead letters are repaired in one file."""

import json

import pytest

from fixtrail.operations.dead_letter_file import letter_line, read_repaired
from fixtrail.operations.dead_letters import Letter
from runtime.failure import ExitError
from schemas.dead_letter import DeadLetter


def letter(value: bytes | None, offset: int = 17) -> Letter:
    dead_letter = DeadLetter("invalid_field", "lane: not known", "service-events", 1, 5, 0)
    return Letter(2, offset, b"V1", value, (), dead_letter, None if value is None else len(value))


@pytest.mark.parametrize("value", [b'{"lane":"express"}', '{"name":"王"}\r\n'.encode(), b"\xff\xfe\x00", b""])
def test_what_is_written_out_comes_back_byte_for_byte(value):
    assert read_repaired([letter_line(letter(value))]) == {(2, 17): value}


def test_a_line_says_where_the_letter_is_and_why():
    assert json.loads(letter_line(letter(b"{}"))) == {
        "place": "2:17",
        "code": "invalid_field",
        "reason": "lane: not known",
        "value": "{}",
    }


def test_a_repaired_event_may_be_an_object():
    assert read_repaired([b'{"place":"0:3","value":{"lane":"quick"}}\n', b"\n"]) == {(0, 3): b'{"lane":"quick"}'}


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[]",
        b"{}",
        b'{"place":"0:3"}',
        b'{"place":"0:3","value":null}',
        b'{"place":"0:3","value":17}',
        b'{"place":"0:3","value_base64":"?"}',
        b'{"place":3,"value":"{}"}',
        b'{"place":"x","value":"{}"}',
    ],
)
def test_a_line_that_is_no_letter_is_named(line):
    with pytest.raises(ExitError) as refused:
        read_repaired([letter_line(letter(b"{}")), line])

    assert refused.value.exit_code == 2
    assert "line 2" in str(refused.value) or "PARTITION:OFFSET" in str(refused.value)
