"""Whether JSON repeats a key: then fewer keys were parsed than the text has."""

import re
from typing import Any

import msgspec

_KEY_END = re.compile(rb'"[ \t\r\n]*:')
_to_json = msgspec.json.Encoder().encode


def repeats_key(value: bytes, has_escapes: bool, parsed: Any) -> bool:
    """Whether an object in the text may repeat a key; surely so only where the text has no backslash.

    `parsed` is a dict, or a struct that took every key of the text.
    """
    if has_escapes:
        # Each key ends in `":`, and so may a part of a string.
        return len(_KEY_END.findall(value)) != count_keys(msgspec.to_builtins(parsed))
    # Without a backslash a quote is nothing but the begin or the end of a string, in what is written again, too.
    return value.count(b'"') != _to_json(parsed).count(b'"')


def count_keys(parsed: Any) -> int:
    """How many keys all objects in the value have."""
    if isinstance(parsed, dict):
        return len(parsed) + sum(map(count_keys, parsed.values()))
    return sum(map(count_keys, parsed)) if isinstance(parsed, list) else 0
