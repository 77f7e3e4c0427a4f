"""Whether JSON repeats a key: then fewer keys were parsed than the text has."""

import re
from collections.abc import Iterable
from typing import Any

_KEY_END = re.compile(rb'"[ \t\r\n]*:')


def repeats_key(value: bytes, has_escapes: bool, parsed: dict[str, Any], nested: Iterable[str] | None = None) -> bool:
    """Whether an object in the text may repeat a key; surely so only where the text has no backslash.

    `nested` names the fields that can hold objects or lists, where that is known.
    """
    if has_escapes:
        # Each key ends in `":`, and so may a part of a string.
        return len(_KEY_END.findall(value)) != count_keys(parsed)
    return value.count(b'"') != 2 * count_strings(parsed, parsed if nested is None else nested)


def count_keys(parsed: Any) -> int:
    """How many keys all objects in the value have."""
    if isinstance(parsed, dict):
        return len(parsed) + sum(map(count_keys, parsed.values()))
    return sum(map(count_keys, parsed)) if isinstance(parsed, list) else 0


def count_strings(parsed: dict[str, Any], nested: Iterable[str]) -> int:
    """How many strings an object has, keys and values; `nested` names the fields to be looked into."""
    count = len(parsed) + list(map(type, parsed.values())).count(str)
    for name in nested:
        if name in parsed:
            count += _strings_in(parsed[name])
    return count


def _strings_in(value: Any) -> int:
    """How many strings a list or an object holds; none are those of a single value."""
    if isinstance(value, dict):
        return count_strings(value, value)
    if not isinstance(value, list):
        return 0
    return list(map(type, value)).count(str) + sum(map(_strings_in, value))
