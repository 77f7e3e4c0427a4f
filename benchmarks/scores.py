"""What the throughput benchmark makes of the runs: the table of contenders, and the aims with met or not met."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from rich.table import Table

from benchmarks.machine import median
from benchmarks.measure import Contender, Pace

Facts = dict[tuple[str, str, str], dict[str, Any]]
OURS = "fixtrail"
# What the aims are set for: of fewer events there are few commits, a start counts for much, and the state hardly grows.
AIMED_EVENTS = 1_000_000


@dataclass(slots=True)
class Score:
    """A contender's runs, and what is wrong with its results (empty: they are equal)."""

    events: int = 0
    paces: list[Pace] = field(default_factory=list)
    outputs: int = 0
    wrong: list[str] = field(default_factory=list)

    def per_s(self) -> float:
        """Events per second, the median of the runs."""
        return median(pace.per_s for pace in self.paces)

    def cpu(self) -> float:
        """CPU seconds per 1,000 events, the median of the runs."""
        return median(pace.cpu_per_1000 for pace in self.paces)

    def late_cpu(self) -> list[float]:
        """CPU seconds per 1,000 events in the second half, of the runs that tell."""
        return [pace.late_cpu_per_1000 for pace in self.paces if pace.late_cpu_per_1000 is not None]

    def growths(self) -> list[float]:
        """Cost of the second half beside the early part, of the runs that tell."""
        return [pace.growth for pace in self.paces if pace.growth is not None]


Scores = dict[str, Score]


Figures = Callable[[Scores], list[float]]


def _none(_: Scores) -> list[float]:
    return []


@dataclass(frozen=True, slots=True)
class Aim:
    """An aim in pure Python and compiled, and what the runs say of it (one value each, none where not measured).

    `by_cpu` is the same by the second of CPU, which says more on a busy machine; the verdict is by the clock.
    """

    title: str
    python: float
    compiled: float
    measured: Figures
    by_cpu: Figures = _none
    unit: str = " ×"
    is_limit: bool = False

    def is_met(self, value: float, *, compiled: bool) -> bool:
        """Whether a value is at least the aim, or at most where that is a limit."""
        aim = self.compiled if compiled else self.python
        return value <= aim if self.is_limit else value >= aim


def per_cpu_s(pace: Pace) -> float:
    """Events per second of CPU, the program's start included."""
    return 1000 / pace.cpu_per_1000


def beside(name: str, figure: Callable[[Pace], float] = lambda pace: pace.per_s) -> Figures:
    """This worker's figure over another's, run by run."""

    def ratios(scores: Scores) -> list[float]:
        if OURS not in scores or name not in scores:
            return []
        pairs = zip(scores[OURS].paces, scores[name].paces, strict=False)
        return [figure(pace) / figure(other) for pace, other in pairs]

    return ratios


def ours(figure: Callable[[Pace], float | None]) -> Figures:
    """This worker's figure, of each run that tells."""

    def figures(scores: Scores) -> list[float]:
        paces = scores[OURS].paces if OURS in scores else []
        return [value for pace in paces if (value := figure(pace)) is not None]

    return figures


def _beside(title: str, name: str, python: float, compiled: float) -> Aim:
    return Aim(f"beside {title}", python, compiled, beside(name), beside(name, per_cpu_s))


AIMS = (
    Aim("events/s of this worker", 22_000, 30_000, ours(lambda pace: pace.per_s), ours(per_cpu_s), unit=""),
    Aim("its CPU in the second half beside the first 30 %", 1.1, 1.1, ours(lambda pace: pace.growth), is_limit=True),
    Aim(
        "beside Kafka Streams with simple rules, whole run",
        0.4,
        0.55,
        beside("streams", lambda pace: pace.whole_per_s),
        beside("streams", per_cpu_s),
    ),
    _beside("textbook Faust", "faust", 14, 18),
    _beside("Quix Streams", "quix", 2.6, 3.2),
    _beside("the loop as users write it (pydantic)", "aiokafka", 1.5, 1.8),
    _beside("the loop with our fast path", "aiokafka-fast", 0.9, 0.85),
)


def is_compiled() -> bool:
    """Whether the rules that run here are compiled."""
    return not str(importlib.import_module("streams.journey.visit").__file__).endswith(".py")


def identity(fact: dict[str, Any]) -> tuple[str, str, str]:
    """What a fact is about: center, order and vehicle."""
    return fact["center_id"] or "", fact["order_id"], fact["vehicle_id"]


def differences(expected: Facts, values: list[bytes], contender: Contender) -> list[str]:
    """Where an order's last fact is another than expected, in a column that the contender computes."""
    facts = {identity(fact): fact for fact in map(orjson.loads, values) if fact is not None}
    wrong = [] if len(expected) == len(facts) else [f"{len(expected)} orders expected, {len(facts)} written"]
    for order, fact in expected.items():
        names = (fact.keys() if contender.columns is None else contender.columns) - contender.without
        written = facts.get(order, {})
        if columns := sorted(name for name in names if written.get(name, ...) != fact[name]):
            wrong.append(f"order {order}: {', '.join(columns)}")
    return wrong


COLUMNS = (
    "",
    "events",
    "events/s",
    "lowest–highest",
    "CPU s per 1,000",
    "second half",
    "to the first 30 %",
    "ours beside it",
    "ours by CPU",
    "facts",
    "verified",
)


def table_of(contenders: list[Contender], scores: Scores, title: str) -> Table:
    """One row a contender; the last ratios are this worker's events over its own."""
    table = Table(title=title)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("", "verified") else "right")
    for contender in contenders:
        table.add_row(contender.title, *_cells(contender, scores))
    return table


def _cells(contender: Contender, scores: Scores) -> list[str]:
    score = scores[contender.name]
    if not score.paces:
        return ["failed"]
    speeds, late, growths = sorted(pace.per_s for pace in score.paces), score.late_cpu(), score.growths()
    return [
        f"{score.events:,}",
        f"{score.per_s():,.0f}",
        f"{speeds[0]:,.0f}–{speeds[-1]:,.0f}",
        f"{score.cpu():.4f}",
        f"{median(late):.4f}" if late else "?",
        f"{median(growths):.2f} ×" if growths else "?",
        spread(beside(contender.name)(scores)),
        spread(beside(contender.name, per_cpu_s)(scores)),
        f"{score.outputs:,}",
        "no" if score.wrong else "equal",
    ]


def spread(values: list[float], digits: int = 2) -> str:
    """The median of the values, and the lowest and highest where there are several."""
    if not values:
        return ""
    lowest, highest = min(values), max(values)
    middle = f"{median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({lowest:,.{digits}f}–{highest:,.{digits}f})"


def aims_table(scores: Scores) -> Table:
    """Every aim with what was measured, and whether it is met."""
    compiled = is_compiled()
    table = Table(title=f"aims, {'compiled' if compiled else 'pure Python'}{_caution(scores)}")
    for column in ("", "measured", "aim", "", "by CPU second"):
        table.add_column(column)
    for aim in AIMS:
        values, digits = aim.measured(scores), 2 if aim.unit else 0
        limit = f"{'≤' if aim.is_limit else '≥'} {aim.compiled if compiled else aim.python:,g}{aim.unit}"
        by_cpu = spread(aim.by_cpu(scores), digits)
        measured = spread(values, digits) or "not measured"
        table.add_row(aim.title, measured, limit, _verdict(aim, values, scores, compiled), by_cpu)
    return table


def _verdict(aim: Aim, values: list[float], scores: Scores, compiled: bool) -> str:
    if not values:
        return ""
    if scores[OURS].events < AIMED_EVENTS:
        return "too few events"
    return "met" if aim.is_met(median(values), compiled=compiled) else "not met"


def _caution(scores: Scores) -> str:
    """That the aims are for more events than there were, where it is so."""
    events = scores[OURS].events if OURS in scores else 0
    return "" if events >= AIMED_EVENTS else f", set for {AIMED_EVENTS:,} events (these were {events:,})"
