"""Numbers as people and spreadsheets write them: 1,299.00 and 1.299,00, 5.2万, (120.00), ￥570."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from fixtrail.imports.errors import BadValueError
from fixtrail.imports.spreadsheet import CUT, damage_of, is_cut

_MULTIPLES = {"百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}
_IN_BRACKETS = re.compile(r"\((.+)\)")
_CURRENCY = re.compile(r"^([+-]?)[¥$€£]\s*|\s*元$")


@dataclass(frozen=True)
class NumberStyle:
    """How the log writes numbers. `scale` is what the field wants times: 0.01 for amounts in cents."""

    decimal: str = "."
    thousands: str | None = None
    scale: Decimal | None = None
    integer: bool = False


def number_reader(style: NumberStyle) -> Callable[[str], int | float]:
    """A function from text to a number; it raises BadValueError."""

    def read(text: str) -> int | float:
        value = _decimal(text, style)
        if not value.is_finite() or abs(value) >= 10**15:
            raise BadValueError("not a number", text)
        if style.scale is not None:
            value *= style.scale
        if value == value.to_integral_value():
            return int(value)
        if style.integer:
            raise BadValueError("not a whole number", text)
        return float(value)

    return read


def _decimal(text: str, style: NumberStyle) -> Decimal:
    try:
        value = Decimal(_plain(text, style))
    except InvalidOperation:
        return _handwritten(text, style)
    if "E" in text or "e" in text:
        _refuse_cut(text)
    return value


def _plain(text: str, style: NumberStyle) -> str:
    """The number as Python writes it. Raises InvalidOperation for signs that stand where the style has none.

    1.234 where a comma is the decimal sign is a thousand and more, or of another style: never one and a bit.
    """
    integer_part, point, fraction = text.partition(style.decimal)
    if style.thousands and style.thousands in integer_part:
        groups = integer_part.lstrip("+-").split(style.thousands)
        # India writes 12,34,567.
        lengths = [len(group) for group in groups]
        if not 1 <= lengths[0] <= 3 or lengths[-1] != 3 or not {2, 3}.issuperset(lengths[1:-1]):
            raise InvalidOperation
        integer_part = integer_part.replace(style.thousands, "")
    if "_" in text or (style.decimal == "," and "." in integer_part + fraction):
        raise InvalidOperation
    return f"{integer_part}.{fraction}" if point else integer_part


def _refuse_cut(text: str) -> None:
    if "+" in text and is_cut(text):
        raise BadValueError(CUT, text)


def _handwritten(text: str, style: NumberStyle) -> Decimal:
    """A number with a currency sign, in brackets as bookkeepers write what is below zero, or counted in 万."""
    damage = damage_of(text)
    if damage:
        raise BadValueError(damage, text)
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    negative = _IN_BRACKETS.fullmatch(plain)
    plain = _CURRENCY.sub(r"\1", negative[1] if negative else plain)
    multiple = _MULTIPLES.get(plain[-1:], 1)
    digits = plain[:-1].rstrip() if multiple > 1 else plain
    try:
        value = Decimal(_plain(digits, style)) * multiple
    except InvalidOperation:
        raise BadValueError("not a number", text) from None
    return -value if negative else value
