"""The TOML file with what was aimed at and when: targets of figures, and the periods to compare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from fixtrail.reports.benchmarks import Benchmark, benchmarks_of
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.report import Bilingual
from runtime.failure import USAGE, ExitError
from schemas.times import is_time_zone
from schemas.toml_file import TomlFileError, read_toml

_PERIOD_KEYS = {"name", "title", "title_zh", "from", "to", "last_days", "waves", "centers", "rollout"}
_KEYS = {"time_zone", "targets", "period", "benchmark"}


@dataclass(frozen=True, slots=True)
class Period:
    """Orders closed in these days, the last one included, at these centers (all of them where none is named).

    `last_days` counts back from the last close there is. `rollout`: only closes before, or from, the day on which
    the order's own center changed over.
    """

    name: str
    title: Bilingual
    since: date | None = None
    until: date | None = None
    last_days: int | None = None
    waves: tuple[int, ...] = ()
    centers: tuple[str, ...] = ()
    rollout: Literal["before", "after"] | None = None


ALL = Period("all", Bilingual("全部", "all"))


@dataclass(frozen=True, slots=True)
class Relative:
    """A target that is so many times what the figure was in another period."""

    times: float
    period: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets by figure name in the figure's own unit, the periods in their order, and the zone of days.

    `relative` are those that another period sets. `more` holds the tables of the file that other reports read, by name.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    relative: Mapping[str, Relative] = field(default_factory=dict)
    periods: tuple[Period, ...] = (ALL,)
    time_zone: str = "UTC"
    more: Mapping[str, Any] = field(default_factory=dict)
    benchmarks: tuple[Benchmark, ...] = ()


NO_TARGETS = Targets()


def read_targets(file: Path) -> Targets:
    """The targets of a file. Raises ExitError that says what is wrong with it."""
    try:
        return targets_of(read_toml(file))
    except TomlFileError as error:
        raise ExitError(str(error), USAGE) from None
    except (ValueError, TypeError, KeyError) as error:
        raise ExitError(f"{file}: {error}", USAGE) from None


def targets_of(document: Mapping[str, Any]) -> Targets:
    """The targets of a document as read. Raises ValueError for what no file of targets says."""
    zone = str(document.get("time_zone", "UTC"))
    if not is_time_zone(zone):
        raise ValueError(f"there is no time zone {zone!r}")
    target_table = document.get("targets", {})
    # The shares within the operator's own limits may have targets as well; report kpi looks at their names.
    levels = {f"{key.removesuffix('_min')}_within" for key in document.get("service_levels", {})}
    if unknown := sorted(target_table.keys() - DEFINITIONS.keys() - levels):
        raise ValueError(f"there is no figure {', '.join(unknown)}; figures are {', '.join(DEFINITIONS)}")
    periods = tuple(_period(table) for table in document.get("period", ()))
    names = [period.name for period in periods]
    if len(set(names)) < len(names):
        raise ValueError("two periods have the same name")
    values = {name: _number(name, value) for name, value in target_table.items() if not isinstance(value, Mapping)}
    relative = {
        name: _relative(name, value, names) for name, value in target_table.items() if isinstance(value, Mapping)
    }
    further_tables = {name: table for name, table in document.items() if name not in _KEYS}
    benchmarks = benchmarks_of(document.get("benchmark", ()))
    return Targets(values, relative, periods or (ALL,), zone, further_tables, benchmarks)


def _relative(name: str, table: Mapping[str, Any], periods: list[str]) -> Relative:
    if name != "complaints_per_100":
        raise ValueError(f"targets.{name} is a number: only complaints_per_100 can be told as times another period's")
    if table.keys() != {"times", "of"} or table["of"] not in periods:
        raise ValueError(f'targets.{name} is {{ times = 0.5, of = "a period\'s name" }}')
    return Relative(_number(f"{name}.times", table["times"]), str(table["of"]))


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"targets.{name} is a number, not {value!r}")
    return float(value)


def _period(table: Mapping[str, Any]) -> Period:
    name = str(table["name"]) if "name" in table else ""
    if not name:
        raise ValueError("a period has no name")
    if unknown := sorted(table.keys() - _PERIOD_KEYS):
        raise ValueError(f"period {name}: there is no key {', '.join(unknown)}")
    for key in ("from", "to"):
        # A TOML date and time is a date, too.
        if key in table and type(table[key]) is not date:
            raise ValueError(f"period {name}: {key} is a day such as 2026-07-06")
    if "from" in table and "to" in table and table["to"] < table["from"]:
        raise ValueError(f"period {name}: to {table['to']} lies before from {table['from']}")
    if table.get("rollout") not in (None, "before", "after"):
        raise ValueError(f'period {name}: rollout is "before" or "after"')
    title = str(table.get("title", name))
    return Period(
        name,
        Bilingual(str(table.get("title_zh", title)), title),
        table.get("from"),
        table.get("to"),
        int(table["last_days"]) if "last_days" in table else None,
        tuple(int(wave) for wave in table.get("waves", ())),
        tuple(str(center) for center in table.get("centers", ())),
        table.get("rollout"),
    )
