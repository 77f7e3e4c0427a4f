"""JSON in its canonical form (RFC 8785), and the hash of a document in that form."""

import hashlib
import json
import math
from typing import Any

# The order in which a database adds up changes the last digits of a double; these do not change.
DIGITS = 9


def canonical(value: Any) -> str:
    """The one text that RFC 8785 has for a JSON value. Raises ValueError for what JSON has no number or text for."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: str(pair[0]).encode("utf-16-be"))
        return "{" + ",".join(f"{_text(name)}:{canonical(item)}" for name, item in pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (int, float)):
        return _number(value)
    return _text(value)


def sha256(value: Any) -> str:
    """The hash of a JSON value's canonical form, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def rounded(value: Any) -> Any:
    """The same value with its floats to DIGITS significant digits; what is no number becomes null."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if not isinstance(value, float):
        return value
    # The addition takes the sign from a zero.
    return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"JSON has no {type(value).__name__}")
    value.encode()
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """A number as ECMAScript, which has doubles alone, writes it: an exponent from 1e21 on and below 1e-6."""
    if not math.isfinite(value):
        raise ValueError(f"JSON has no {value}")
    if value == 0:
        return "0"
    sign, (digits, exponent) = "-" if value < 0 else "", _digits(abs(float(value)))
    if 0 < exponent <= 21:
        integer, part = digits[:exponent].ljust(exponent, "0"), digits[exponent:]
        return sign + integer + (f".{part}" if part else "")
    if -6 < exponent <= 0:
        return f"{sign}0.{'0' * -exponent}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'+' if exponent > 0 else '-'}{abs(exponent - 1)}"


def _digits(value: float) -> tuple[str, int]:
    """The shortest digits of a positive number, and where the point stands among them."""
    mantissa, _, power = repr(value).partition("e")
    integer, _, part = mantissa.partition(".")
    part = "" if part == "0" else part
    digits = (integer + part).lstrip("0")
    exponent = len(integer) + int(power or 0) if integer != "0" else len(digits) - len(part) + int(power or 0)
    return digits.rstrip("0"), exponent
