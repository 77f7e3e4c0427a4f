"""What is to be different: `technicians=+1`, `arrivals=+10%`, `stockout=0.06`, `quick_lane=off`. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fixtrail.reports.report import Bilingual
from runtime.failure import USAGE, ExitError

LANES = ("quick", "standard")
QUICK, STANDARD = range(2)
MOST_PEOPLE = 100
LEAST_PERCENT, MOST_PERCENT = -90.0, 200.0
MOST_STOCKOUTS = 0.95
COUNTS: Mapping[str, Bilingual] = {
    "technicians": Bilingual("标准通道技师（未分通道时为全部）", "technicians of the standard lane, or of all"),
    "quick_technicians": Bilingual("快修通道技师", "technicians of the quick lane"),
    "bays": Bilingual("标准通道工位（未分通道时为全部）", "bays of the standard lane, or of all"),
    "quick_bays": Bilingual("快修通道工位", "bays of the quick lane"),
}
SCALES: Mapping[str, Bilingual] = {
    "arrivals": Bilingual("到店量", "check-ins"),
    "work": Bilingual("诊断与维修工时", "time that diagnosis and repair take"),
    "parts": Bilingual("等配件时间", "waits for parts"),
    "approval": Bilingual("等客户确认时间", "waits for approval"),
}
STOCKOUT = Bilingual("缺货率", "stock-out rate")
NO_QUICK_LANE = Bilingual("取消快修通道", "no quick lane")
_LEVERS: Mapping[str, str] = {"stockout": "0.06", "quick_lane": "off"}
_COUNT = re.compile(r"([+-])([0-9]{1,3})")
_SCALE = re.compile(r"([+-][0-9]{1,3}(?:\.[0-9]{1,2})?)%")
_SHARE = re.compile(r"([0-9]{0,2}(?:\.[0-9]{1,4})?)(%?)")


@dataclass(frozen=True, slots=True)
class WhatIfChange:
    """What is different: people and bays more or less by name, and factors of times and arrivals by name.

    `stockout`: the share of part requests that find the shelf empty; None where it stays as it is.
    """

    counts: Mapping[str, int]
    factors: Mapping[str, float]
    stockout: float | None = None
    has_quick_lane: bool = True

    def more(self, name: str) -> int:
        return self.counts.get(name, 0)

    def factor(self, name: str) -> float:
        return self.factors.get(name, 1.0)


NO_CHANGE = WhatIfChange({}, {})


def parse_changes(texts: Iterable[str]) -> WhatIfChange:
    """The changes of a command line. Raises ExitError that says which of them is wrong, and what would be right."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in {**COUNTS, **SCALES, **_LEVERS}:
            raise ExitError(f"{text!r} is no change: {_forms()}", USAGE)
        if name in values:
            raise ExitError(f"{name} is given twice", USAGE)
        values[name] = value
    if not values:
        raise ExitError(f"say what is to be different: {_forms()}", USAGE)
    change = WhatIfChange(
        {name: _people(name, value) for name, value in values.items() if name in COUNTS},
        {name: _factor(name, value) for name, value in values.items() if name in SCALES},
        _stockout(values["stockout"]) if "stockout" in values else None,
        "quick_lane" not in values,
    )
    _check_lane(change, values.get("quick_lane", "off"))
    return change


def _people(name: str, value: str) -> int:
    match = _COUNT.fullmatch(value)
    number = int(match[2]) if match else 0
    if match is None or not 1 <= number <= MOST_PEOPLE:
        raise ExitError(f"{name}={value}: so many more or fewer, as in {name}=+1 or {name}=-1", USAGE)
    return number if match[1] == "+" else -number


def _factor(name: str, value: str) -> float:
    match = _SCALE.fullmatch(value)
    percent = float(match[1]) if match else 0.0
    if match is None or not percent or not LEAST_PERCENT <= percent <= MOST_PERCENT:
        limits = f"{LEAST_PERCENT:g}% to +{MOST_PERCENT:g}%"
        raise ExitError(f"{name}={value}: a share more or less, {limits}, as in {name}=+10%", USAGE)
    return 1 + percent / 100


def _stockout(value: str) -> float:
    match = _SHARE.fullmatch(value)
    share = float(match[1]) / (100 if match[2] else 1) if match and match[1] else None
    if share is None or share > MOST_STOCKOUTS:
        limits = f"the share of part requests that are backordered, from 0 to {MOST_STOCKOUTS:g}"
        raise ExitError(f"stockout={value}: {limits}, as in stockout=0.06 or stockout=6%", USAGE)
    return share


def _check_lane(change: WhatIfChange, value: str) -> None:
    if value != "off":
        raise ExitError(f"quick_lane={value}: the lane can only be closed, as in quick_lane=off", USAGE)
    for name in ("quick_technicians", "quick_bays"):
        if change.more(name) and not change.has_quick_lane:
            raise ExitError(f"{name}: there are none with quick_lane=off; say {name.removeprefix('quick_')}", USAGE)


def _forms() -> str:
    forms = [f"{name}=+1" for name in COUNTS] + [f"{name}=+10%" for name in SCALES]
    forms += [f"{name}={value}" for name, value in _LEVERS.items()]
    return ", ".join(forms[:-1]) + f" or {forms[-1]}"
