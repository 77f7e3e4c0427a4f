"""What [roi] of the targets file says: costs, what things are worth, and over how many months. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from fixtrail.reports.options import Options
from runtime.failure import USAGE, ExitError

Benefit = Literal["wait_minute", "comeback", "complaint", "detractor"]
BENEFITS: tuple[Benefit, ...] = ("wait_minute", "comeback", "complaint", "detractor")
MONTHS = 24
# An NPS that rises by two points, by half from fewer detractors: one detractor fewer in a hundred.
DETRACTORS_A_POINT = 0.5
_KEYS = {"currency", "months", "orders_a_month", "cost", "value"}
_COST = {"name", "date", "amount", "monthly", "source"}
_VALUE = {"of", "value", "low", "high", "source"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Money spent at a day, or each month from that day on."""

    name: str
    day: date
    amount: float
    monthly: bool
    source: str


@dataclass(frozen=True, slots=True)
class Value:
    """What one of it is worth: between `low` and `high`, most likely `value`."""

    of: Benefit
    value: float
    low: float
    high: float
    source: str


@dataclass(frozen=True, slots=True)
class Assumptions:
    """All that the data do not tell. Without `orders_a_month` it is what the pilot's centers handed off."""

    currency: str
    months: int
    orders_a_month: float | None
    costs: tuple[Cost, ...]
    values: tuple[Value, ...]


def assumptions_of(options: Options) -> Assumptions:
    """Those of the targets file. Raises ExitError where there are none or one is wrong."""
    table = options.targets.more.get("roi")
    try:
        if not isinstance(table, Mapping):
            raise ValueError("roi is missing: report roi needs --targets with [[roi.cost]] and [[roi.value]]")
        return _assumptions(table)
    except (ValueError, TypeError, KeyError) as error:
        raise ExitError(f"targets: {error}", USAGE) from None


def _assumptions(table: Mapping[str, Any]) -> Assumptions:
    _check_keys(table, "roi", _KEYS)
    costs = tuple(_cost(cost) for cost in table.get("cost", ()))
    values = tuple(_value(value) for value in table.get("value", ()))
    if not costs or not values:
        raise ValueError("roi needs at least one [[roi.cost]] and one [[roi.value]]")
    names = [value.of for value in values]
    if len(set(names)) < len(names):
        raise ValueError("roi.value: the same thing has two values")
    months = table.get("months", MONTHS)
    if type(months) is not int or not 1 <= months <= 120:
        raise ValueError(f"roi.months is a whole number from 1 to 120, not {months!r}")
    orders = table.get("orders_a_month")
    return Assumptions(
        str(table.get("currency", "CNY")),
        months,
        None if orders is None else _number("orders_a_month", orders),
        costs,
        values,
    )


def _cost(table: Mapping[str, Any]) -> Cost:
    _check_keys(table, "roi.cost", _COST, frozenset({"name", "date", "amount"}))
    if type(table["date"]) is not date:
        raise ValueError("roi.cost: date is a day such as 2026-07-06")
    return Cost(
        str(table["name"]),
        table["date"],
        _number("cost.amount", table["amount"]),
        bool(table.get("monthly", False)),
        str(table.get("source", "")),
    )


def _value(table: Mapping[str, Any]) -> Value:
    _check_keys(table, "roi.value", _VALUE, frozenset({"of", "value", "source"}))
    if table["of"] not in BENEFITS:
        raise ValueError(f"roi.value: of is one of {', '.join(BENEFITS)}, not {table['of']!r}")
    likely = _number("value.value", table["value"])
    low, high = (_number(f"value.{name}", table.get(name, likely)) for name in ("low", "high"))
    if not low <= likely <= high:
        raise ValueError(f"roi.value: {table['of']} needs low <= value <= high")
    return Value(table["of"], likely, low, high, str(table["source"]))


def _check_keys(table: Mapping[str, Any], name: str, keys: set[str], needed: frozenset[str] = frozenset()) -> None:
    if unknown := sorted(table.keys() - keys):
        raise ValueError(f"{name}: there is no key {', '.join(unknown)}; keys are {', '.join(sorted(keys))}")
    if missing := sorted(needed - table.keys()):
        raise ValueError(f"{name}: {', '.join(missing)} is missing")


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise ValueError(f"roi.{name} is a number of at least 0, not {value!r}")
    return float(value)
