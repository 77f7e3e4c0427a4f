"""Dead letters as a file of JSON lines: written out to be repaired all at once, read to be put back."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

import orjson

from fixtrail.operations.dead_letters import Letter, TopicPosition, parse_position
from runtime.failure import USAGE, ExitError


def letter_line(letter: Letter) -> bytes:
    """The letter as one line: place, reason, and content in `value`, or in `value_base64` where it is no text."""
    content: dict[str, Any] = {"value": None}
    if letter.value is not None:
        try:
            content = {"value": letter.value.decode()}
        except UnicodeDecodeError:
            content = {"value_base64": base64.b64encode(letter.value).decode()}
    fields = letter.as_json()
    return orjson.dumps({name: fields[name] for name in ("place", "code", "reason")} | content) + b"\n"


def read_repaired(lines: Iterable[bytes]) -> dict[TopicPosition, bytes]:
    """The bytes to put back for each place. `value` may be the text of the event, or the event itself as an object.

    Raises ExitError (2) for a line that is no such thing, naming it.
    """
    repaired: dict[TopicPosition, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = orjson.loads(line)
            repaired[parse_position(entry["place"])] = _content(entry)
        except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, AttributeError) as error:
            raise ExitError(f"line {number}: no repaired letter: {type(error).__name__} {error}", USAGE) from None
    return repaired


def _content(entry: dict[str, Any]) -> bytes:
    if "value_base64" in entry:
        return base64.b64decode(entry["value_base64"], validate=True)
    value = entry["value"]
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict):
        raise TypeError("value is neither text nor an object")
    return orjson.dumps(value)
