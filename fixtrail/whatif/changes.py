"""What is to be different: `technicians=+1`, `bays=-1`, `arrivals=+10%`. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fixtrail.reports.report import Bilingual
from runtime.failure import USAGE, ExitError

LANES = ("quick", "standard")
MOST_PEOPLE = 100
LEAST_PERCENT, MOST_PERCENT = -90.0, 200.0
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
_COUNT = re.compile(r"([+-])([0-9]{1,3})")
_SCALE = re.compile(r"([+-][0-9]{1,3}(?:\.[0-9]{1,2})?)%")


@dataclass(frozen=True, slots=True)
class Change:
    """What is different: people and bays more or less by name, and factors of times and arrivals by name."""

    counts: Mapping[str, int]
    factors: Mapping[str, float]

    def more(self, name: str) -> int:
        return self.counts.get(name, 0)

    def factor(self, name: str) -> float:
        return self.factors.get(name, 1.0)


NO_CHANGE = Change({}, {})


def parse_changes(texts: Iterable[str]) -> Change:
    """The changes of a command line. Raises ExitError that says which of them is wrong, and what would be right."""
    counts: dict[str, int] = {}
    factors: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in {**COUNTS, **SCALES}:
            raise ExitError(f"{text!r} is no change: {_forms()}", USAGE)
        if name in counts or name in factors:
            raise ExitError(f"{name} is given twice", USAGE)
        if name in COUNTS:
            counts[name] = _people(name, value)
        else:
            factors[name] = _factor(name, value)
    if not counts and not factors:
        raise ExitError(f"say what is to be different: {_forms()}", USAGE)
    return Change(counts, factors)


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


def _forms() -> str:
    forms = [f"{name}=+1" for name in COUNTS] + [f"{name}=+10%" for name in SCALES]
    return ", ".join(forms[:-1]) + f" or {forms[-1]}"
