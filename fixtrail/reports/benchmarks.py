"""Benchmarks: what others have reached, beside the figures of a report and judged by the same rule."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.report import NO_INTERVAL, Bilingual, Column, Definition, Figure, Interval, Sheet
from fixtrail.reports.stats import intervals
from fixtrail.reports.status import MET, MISSED, NOT_DISTINGUISHABLE, status

_KEYS = {"figure", "value", "n", "source", "date"}
_STATUS: Mapping[str, Bilingual] = {
    MET: Bilingual("不劣于", "as good or better"),
    MISSED: Bilingual("劣于", "worse"),
    NOT_DISTINGUISHABLE: Bilingual("无法区分", "not distinguishable"),
}
RULE = Bilingual(
    "基准：差距 = 我们的值 − 基准，判断规则与目标相同。基准带 n 且为比率或 NPS 时，其不确定性一并计入"
    "（Newcombe 1998；NPS 按最不利的构成）；否则按其本身",
    "Benchmarks: gap = ours - theirs, judged as a target is. One told with n has an uncertainty of its own where it "
    "is a share or an NPS (Newcombe 1998; an NPS at the least favourable split of answers); any other is taken at its "
    "word",
)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a figure is elsewhere, in its own unit; `n` is of how many, where the source says so."""

    figure: str
    value: float
    source: str
    date: date
    n: int | None = None


def benchmarks_of(tables: Any) -> tuple[Benchmark, ...]:
    """The [[benchmark]] tables of a targets file. Raises ValueError that says what is wrong with them."""
    if not isinstance(tables, Sequence) or not all(isinstance(table, Mapping) for table in tables):
        raise ValueError("benchmarks are tables of their own: [[benchmark]]")
    return tuple(_benchmark(table) for table in tables)


def _benchmark(table: Mapping[str, Any]) -> Benchmark:
    name = str(table.get("figure", ""))
    where = f"benchmark {name or '?'}"
    if unknown := sorted(table.keys() - _KEYS):
        raise ValueError(f"{where}: there is no key {', '.join(unknown)}; keys are {', '.join(sorted(_KEYS))}")
    if missing := sorted(_KEYS - {"n"} - table.keys()):
        raise ValueError(f"{where}: {', '.join(missing)} is missing")
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise ValueError(f"there is no figure {name}; figures are {', '.join(DEFINITIONS)}")
    value, n = table["value"], table.get("n")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{where}: value is a number, not {value!r}")
    low, high = _range(definition)
    if not low <= value <= high:
        raise ValueError(f"{where}: value is {low:g} to {high:g}, in the figure's own unit, not {value:g}")
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        raise ValueError(f"{where}: n is a whole number of at least 1, not {n!r}")
    if not str(table["source"]).strip():
        raise ValueError(f"{where}: source says who told it")
    # A TOML date and time is a date, too.
    if type(table["date"]) is not date:
        raise ValueError(f"{where}: date is a day such as 2026-07-06")
    return Benchmark(name, float(value), str(table["source"]), table["date"], n)


def _range(definition: Definition) -> tuple[float, float]:
    """Between what the values of a figure are."""
    return {"share": (0.0, 1.0), "nps": (-100.0, 100.0)}.get(definition.unit, (0.0, math.inf))


def benchmark_sheet(figures: Iterable[Figure], benchmarks: Sequence[Benchmark]) -> tuple[Sheet, ...]:
    """One row for each figure and benchmark of it; no table where there are no benchmarks."""
    if not benchmarks:
        return ()
    titles = {name: about.title for name, about in DEFINITIONS.items()}
    columns = (
        Column("period", Bilingual("时段", "period")),
        Column("key", Bilingual("分组", "key")),
        Column("figure", Bilingual("指标", "figure"), words=titles),
        Column("judged_on", Bilingual("判断依据", "judged on"), words=titles),
        *(Column(name, title, "number") for name, title in _NUMBERS),
        Column("n", Bilingual("n", "n"), "count"),
        Column("benchmark_n", Bilingual("基准 n", "benchmark n"), "count"),
        Column("status", Bilingual("状态", "status"), words=_STATUS),
        Column("source", Bilingual("来源", "source")),
        Column("date", Bilingual("日期", "date")),
    )
    rows = tuple(_rows(list(figures), benchmarks))
    note = Bilingual(
        "以指标自身的单位：比率 0～1，时间为秒", "in the figures' own units: shares from 0 to 1, times in seconds"
    )
    return (Sheet("benchmarks", Bilingual("与基准比较", "Beside benchmarks"), columns, rows, note),)


_NUMBERS = (
    ("value", Bilingual("我们", "ours")),
    ("benchmark", Bilingual("基准", "benchmark")),
    ("gap", Bilingual("差距", "gap")),
    ("gap_low", Bilingual("下限", "low")),
    ("gap_high", Bilingual("上限", "high")),
)


def _rows(figures: Sequence[Figure], benchmarks: Sequence[Benchmark]) -> Iterator[dict[str, Any]]:
    by_key = {(figure.figure, figure.period, figure.key): figure for figure in figures}
    for benchmark in benchmarks:
        for figure in figures:
            if figure.figure != benchmark.figure:
                continue
            # As with targets: of young orders the share says nothing yet.
            confirmed = by_key.get((f"{figure.figure}_confirmed", figure.period, figure.key))
            yield _row(figure, confirmed or figure, benchmark)


def _row(figure: Figure, judged: Figure, benchmark: Benchmark) -> dict[str, Any]:
    gap = None if judged.value is None else judged.value - benchmark.value
    bounds = NO_INTERVAL if gap is None else gap_interval(judged, benchmark)
    better = DEFINITIONS[figure.figure].better or "higher"
    return {
        "period": figure.period,
        "key": figure.key,
        "figure": figure.figure,
        "judged_on": None if judged is figure else judged.figure,
        "value": judged.value,
        "benchmark": benchmark.value,
        "gap": gap,
        "gap_low": bounds.low,
        "gap_high": bounds.high,
        "n": judged.n,
        "benchmark_n": benchmark.n,
        "status": status(gap, bounds, 0.0, better, judged.n),
        "source": benchmark.source,
        "date": benchmark.date.isoformat(),
    }


def gap_interval(figure: Figure, benchmark: Benchmark) -> Interval:
    """The 95 % interval of the gap: both distances squared and added (Newcombe, Statistics in Medicine 17, 1998)."""
    value, low, high = figure.value, figure.interval.low, figure.interval.high
    if value is None or low is None or high is None:
        return NO_INTERVAL
    theirs = _interval_of(benchmark)
    below, above = benchmark.value - (theirs.low or 0.0), (theirs.high or 0.0) - benchmark.value
    gap = value - benchmark.value
    return Interval(gap - math.hypot(value - low, above), gap + math.hypot(high - value, below))


def _interval_of(benchmark: Benchmark) -> Interval:
    """How sure the benchmark is; of no width where it is taken at its word."""
    value, unit = benchmark.value, DEFINITIONS[benchmark.figure].unit
    if benchmark.n is None or unit not in ("share", "nps"):
        return Interval(value, value)
    if unit == "share":
        return intervals.wilson(value, benchmark.n)
    share = value / 100
    return intervals.adjusted_wald((1 + share) / 2, (1 - share) / 2, benchmark.n)
