"""The languages that Fixtrail speaks; the first is the default of a page and of a message."""

from typing import Literal

Locale = Literal["zh-CN", "en"]
LOCALES: tuple[Locale, ...] = ("zh-CN", "en")
