"""Figures from a file instead of ClickHouse, judged by the same rule: met, missed or not distinguishable."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixtrail.reports.benchmarks import RULE as BENCHMARK_RULE
from fixtrail.reports.benchmarks import benchmark_sheet
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.kpi.report import STATUS_RULE
from fixtrail.reports.options import Options
from fixtrail.reports.report import NO_INTERVAL, Bilingual, Definition, Figure, Interval, Report
from fixtrail.reports.status import status
from runtime.failure import USAGE, ExitError
from schemas.toml_file import TomlFileError, read_toml

_TITLE = Bilingual("他人报告的指标", "Figures as told")
_QUESTION = Bilingual("所述数字是否达到目标？", "Do the figures that were told reach their targets?")
_KEYS = {"figure", "period", "value", "target", "n", "low", "high", "title", "title_zh", "unit", "better"}


def read_external_figures(file: Path, options: Options) -> Report:
    """The report of a file's [[figure]] tables. Raises ExitError that says what is wrong with it."""
    try:
        tables = read_toml(file).get("figure", [])
        definitions = {str(table["figure"]): definition_of(table) for table in tables}
        figures = tuple(figure_of(table, definitions[str(table["figure"])]) for table in tables)
    except TomlFileError as error:
        raise ExitError(str(error), USAGE) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExitError(f"{file}: {error}", USAGE) from None
    scope = {"computed_at": options.scope()["computed_at"], "source": file.name}
    sheets = benchmark_sheet(figures, options.targets.benchmarks)
    methods = (STATUS_RULE, BENCHMARK_RULE) if sheets else (STATUS_RULE,)
    return Report("kpi", _TITLE, _QUESTION, scope, figures, sheets, (), methods, definitions)


def definition_of(table: Mapping[str, Any]) -> Definition:
    """The definition of an external figure: ours by its name, or its own."""
    if unknown := sorted(table.keys() - _KEYS):
        raise ValueError(f"figure {table.get('figure')}: there is no key {', '.join(unknown)}")
    name = str(table["figure"])
    if name in DEFINITIONS:
        return DEFINITIONS[name]
    if table.get("better") not in ("higher", "lower"):
        raise ValueError(f'figure {name} is none of ours, so it says better = "higher" or "lower"')
    title = str(table.get("title", name))
    words = Bilingual(str(table.get("title_zh", title)), title)
    return Definition(words, words, str(table.get("unit", "")), table["better"])


def figure_of(table: Mapping[str, Any], definition: Definition) -> Figure:
    """An external figure, judged."""
    value, n = float(table["value"]), table.get("n")
    target = float(table["target"]) if "target" in table else None
    interval = Interval(float(table["low"]), float(table["high"])) if {"low", "high"} <= table.keys() else NO_INTERVAL
    assert definition.better is not None
    return Figure(
        str(table["figure"]),
        value,
        n,
        n,
        interval,
        period=str(table.get("period", "told")),
        target=target,
        status=status(value, interval, target, definition.better, n),
        method="told",
    )
