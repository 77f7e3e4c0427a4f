"""The numbers of a pack as its texts show them: in percent, minutes or points, with so many decimals and no more."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fixtrail.reports.report import Locale

NOTHING = "–"


class Scale(NamedTuple):
    """How a stored value is shown: times `times`, with so many decimals, before a unit."""

    times: float
    decimals: int
    zh: str = ""
    en: str = ""

    def unit(self, locale: Locale) -> str:
        return self.zh if locale == "zh-CN" else self.en


_SCALES = {
    "share": Scale(100, 1, "%", "%"),
    "share_points": Scale(100, 1, "个百分点", "pp"),
    "nps": Scale(1, 1),
    "s": Scale(1 / 60, 1, "分钟", "min"),
    "orders": Scale(1, 0),
}
_OTHERS = Scale(1, 2)


def scale_of(unit: str) -> Scale:
    return _SCALES.get(unit, _OTHERS)


def shown(value: float | None, unit: str) -> float | None:
    """The number that is shown for a stored value; -0 is 0."""
    scale = scale_of(unit)
    return None if value is None else round(value * scale.times, scale.decimals) + 0.0


def shown_row(row: Mapping[str, Any], unit: str, names: tuple[str, ...]) -> dict[str, float | None]:
    """The shown numbers of a row's values, by their names."""
    return {name: shown(row.get(name), unit) for name in names}


def text(number: float | None, unit: str, locale: Locale, *, signed: bool = False) -> str:
    """A shown number with its unit."""
    if number is None:
        return NOTHING
    # A share that grows from 80 % to 88 % grows by 8 points, and by 10 %.
    scale = scale_of("share_points" if signed and unit == "share" else unit)
    digits = f"{number:{'+' if signed else ''}.{scale.decimals}f}"
    words = scale.unit(locale)
    return f"{digits}{'' if words in ('', '%') else ' '}{words}"


def interval_text(low: float | None, high: float | None, unit: str, locale: Locale, *, signed: bool = False) -> str:
    """Both ends of an interval in brackets; nothing where there is none."""
    if low is None and high is None:
        return ""
    ends = [text(end, unit, locale, signed=signed).split(" ")[0].rstrip("%") for end in (low, high)]
    return {"zh-CN": "（{}～{}）", "en": " ({} to {})"}[locale].format(*ends)
