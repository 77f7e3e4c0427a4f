"""Formats values for a message: money, times and upstream texts, made safe and short enough."""

import re
import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_symbol

TITLE = 40
# Three parts of a text message in Chinese characters (67 UTF-16 units each).
SHORT = 201
# A link may be long; beside it so much is said in any case.
WORDS_BESIDE_LINK = 60
# What comes from upstream and could be of any length.
PART, ORDER, CENTER, CURRENCY = 24, 32, 20, 8

# Where a value would start something: a mention, a link, a tag, a placeholder, code.
_MARKUP = dict.fromkeys(map(ord, "<>@`|[]{}\\"), " ") | {ord(":"): "."}
_HOST = re.compile(r"\.(?=[^\W\d]{2})")


@lru_cache(4096)
def plain(value: str | None, length: int) -> str:
    """One line of at most `length` characters without anything that a receiver could take for more than text.

    Control and format characters (line breaks, direction marks, zero-width ones) are gone, markup is blanked, and
    what a telephone would make a link of is broken up.
    """
    if not value:
        return ""
    printable = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in value.translate(_MARKUP))
    return cut(_HOST.sub("·", " ".join(printable.split())), length)


def cut(text: str, length: int) -> str:
    """The text, with its end replaced by an ellipsis where it is too long."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def money(amount: Decimal, currency: str, locale: str) -> str:
    """An amount with its currency as the locale writes it; an unknown currency by its code."""
    return _money(amount, plain(currency, CURRENCY).upper(), locale)


@lru_cache(4096)
def _money(amount: Decimal, currency: str, locale: str) -> str:
    return format_currency(amount, currency, locale=locale.replace("-", "_")).replace("\xa0", " ")


def currency_sign(currency: str) -> str:
    """The one character that stands for a currency in China, such as ¥ or €; "" where there is none."""
    sign = get_currency_symbol(plain(currency, CURRENCY).upper(), locale="zh_CN").removeprefix("US")
    return sign if len(sign) == 1 and not sign.isalnum() else ""


def number(value: Decimal, locale: str) -> str:
    """A number without trailing noughts."""
    return format_decimal(value, format="#,##0.###", locale=locale.replace("-", "_"))


def moment(at: datetime, locale: str, now: datetime) -> str:
    """A local time with its date: a message may be read the day after. With its year where that is far from now's."""
    is_far = abs(at - now) > timedelta(days=300)
    if locale == "zh-CN":
        return f"{f'{at.year}年' if is_far else ''}{at.month}月{at.day}日 {at:%H:%M}"
    return format_datetime(at, "d MMM y, HH:mm" if is_far else "EEE d MMM, HH:mm", locale="en")


def stamp(at: datetime) -> str:
    """A local time as forms want it, such as 2026年3月2日 15:30."""
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"
