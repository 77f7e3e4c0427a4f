"""Compact JSON bytes for state that stays in memory."""

from typing import Any

import orjson


def packed(value: Any) -> bytes:
    """The value as compact JSON in bytes of just that size; what `orjson.dumps` gives keeps its whole buffer."""
    return bytes(memoryview(orjson.dumps(value)))
