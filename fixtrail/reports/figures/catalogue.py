"""Every figure that is defined: its name, question, formula, unit, version and cuts. What is not here has no answer."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.options import CUTS
from fixtrail.reports.report import Bilingual, Definition

# What `where` can name; one of the last three is a key of a cut, so it stands alone.
OF_CENTERS = ("center", "region", "wave")
OF_ORDERS = ("lane", "origin", "group")
CONDITIONS = (*OF_CENTERS, *OF_ORDERS)
_DAYS = ("day", "week", "month")
# What figures are called elsewhere, where their own name and titles do not show it.
_SYNONYMS = {
    "nps": ("net promoter score",),
    "ftfr": ("right first time", "首次修复率"),
    "wait_mean_s": ("average waiting time",),
    "complaints_per_100": ("complaint rate", "投诉率"),
    "complaints_per_month": ("monthly complaints",),
    "promise_kept": ("on time", "准时交车率"),
    "response_rate": ("评分率",),
    "cancelled_share": ("cancellation rate",),
}


class UndefinedError(ValueError):
    """Something was asked for that is not defined; `nearest` is what is, and the message says both."""

    def __init__(self, kind: str, name: str, names: tuple[str, ...]) -> None:
        self.nearest = nearest(name, names)
        super().__init__(f"{kind} {name!r} is not defined; the nearest is {self.nearest}")


def nearest(name: str, names: tuple[str, ...]) -> str:
    """The name that looks most like it; of figures their titles count, too."""
    return max(names, key=lambda candidate: _likeness(name.lower().strip(), candidate))


def _likeness(name: str, candidate: str) -> float:
    titles = DEFINITIONS[candidate].title.by_locale().values() if candidate in DEFINITIONS else ()
    return max(_alike(name, text.lower()) for text in (candidate, *titles, *_SYNONYMS.get(candidate, ())))


def _alike(name: str, text: str) -> float:
    """How many letters stand in words of both, and how alike the texts are as a whole."""
    words, of_text = (set(re.findall(r"\w+", sentence.replace("_", " "))) for sentence in (name, text))
    common = sum(map(len, words & of_text)) / max(1, sum(map(len, words | of_text)))
    return common + SequenceMatcher(None, name, text).ratio()


def definition_of(name: str) -> Definition:
    """A figure's definition. Raises UndefinedError that names the nearest one."""
    if name not in DEFINITIONS:
        raise UndefinedError("figure", name, tuple(DEFINITIONS))
    return DEFINITIONS[name]


def question_of(definition: Definition) -> Bilingual:
    """The question that a figure answers."""
    if definition.unit in ("share", "nps", "per_100", "per_month"):
        return Bilingual(f"{definition.title.zh}是多少？", f"What is it: {definition.title.en}?")
    return Bilingual(f"{definition.title.zh}有多少？", f"How much is it: {definition.title.en}?")


def cuts_of(name: str) -> tuple[str, ...]:
    """By what a figure can be cut; an open order has no day of close."""
    return tuple(cut for cut in CUTS if not (name.startswith("open_") and cut in _DAYS))


def described(name: str) -> dict[str, Any]:
    """A figure's definition as JSON has it. Raises UndefinedError."""
    definition = definition_of(name)
    return {
        "figure": name,
        "title": definition.title.by_locale(),
        "question": question_of(definition).by_locale(),
        "formula": definition.text.by_locale(),
        "unit": definition.unit,
        "better": definition.better,
        "version": definition.version,
        "cuts": list(cuts_of(name)),
        "conditions": list(CONDITIONS),
    }


def all_described() -> list[dict[str, Any]]:
    """Every figure, in the order of the report."""
    return [described(name) for name in DEFINITIONS]


def parse_conditions(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Conditions such as `center=east-01`. Several values of one are alternatives, several conditions hold together.

    Raises UndefinedError for a condition that is none, and ValueError for a text that is none.
    """
    pairs = [text.partition("=") for text in texts]
    conditions: dict[str, tuple[str, ...]] = {}
    for name, sign, value in pairs:
        if not sign:
            raise ValueError(f"a condition is written center=east-01, not {name!r}")
        if name not in CONDITIONS:
            raise UndefinedError("condition", name, CONDITIONS)
        conditions[name] = (*conditions.get(name, ()), value)
    return conditions
