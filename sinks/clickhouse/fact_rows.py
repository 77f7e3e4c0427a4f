"""Rows of `journeys` and `center_hours`: what the stream processors wrote, with personal ids as keyed hashes.

The JSON is read without the pydantic models of schemas.facts, which would take four times as long for facts that our
own processes wrote. A field of another type is an error here, or when the row is serialized; one that is missing is
none where its model has a default: a version of before did not know it.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from operator import itemgetter
from typing import Any

import orjson
from pydantic import BaseModel

from schemas.facts import (
    HOUR_FIGURES,
    ORDER_FIGURES,
    CenterHour,
    ComplaintFact,
    FollowUpFact,
    JourneyFact,
    PartRequestFact,
    Stage,
    SurveyFact,
    opened_only,
)
from sinks.clickhouse.keyed_hash import Keyed
from sinks.clickhouse.tables import RawTable, Record, Row, UnusableRecordError

_MONEY = tuple(name for name, figure in ORDER_FIGURES.items() if figure.kind == "money")
_PLAIN = ("order_id", *(name for name in ORDER_FIGURES if name not in _MONEY))
_LIST_MODELS: dict[str, type[BaseModel]] = {
    "stages": Stage,
    "parts": PartRequestFact,
    "surveys": SurveyFact,
    "complaint_list": ComplaintFact,
    "follow_ups": FollowUpFact,
}
_LISTS = {name: tuple(model.model_fields) for name, model in _LIST_MODELS.items()}
_PART_MONEY = {_LISTS["parts"].index(name) for name in ("quantity", "unit_price")}

JOURNEYS = RawTable(
    "journeys",
    (
        *_PLAIN,
        "vehicle_key",
        "customer_key",
        *_MONEY,
        *(f"{name}.{field}" for name, fields in _LISTS.items() for field in fields),
    ),
)

_HOUR_PLAIN = ("center_id", "hour", "partition", "revision", *HOUR_FIGURES)

CENTER_HOURS = RawTable(
    "center_hours",
    (*("kafka_partition" if name == "partition" else name for name in _HOUR_PLAIN), "wait_buckets"),
)

_plain = itemgetter(*_PLAIN)
_money = itemgetter(*_MONEY)
_hour_plain = itemgetter(*_HOUR_PLAIN)
_fields = {name: itemgetter(*fields) for name, fields in _LISTS.items()}
_empty: dict[str, tuple[tuple[()], ...]] = {name: ((),) * len(fields) for name, fields in _LISTS.items()}


def _defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """Default values of the fields that older records lack."""
    return {name: field.get_default() for name, field in model.model_fields.items() if not field.is_required()}


_DEFAULTS = _defaults_of(JourneyFact)
_LIST_DEFAULTS = {name: _defaults_of(model) for name, model in _LIST_MODELS.items()}
_HOUR_DEFAULTS = _defaults_of(CenterHour)

_SCALE = Decimal("0.0001")

Fact = dict[str, Any]
Key = tuple[Any, ...]

_NO_FACT = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError)


class FactRows:
    """Builds the rows of `journeys` and `center_hours`: `journey` and `hour` read a record, `*_row` make its row.

    Reading gives the fact with its key and version, so that a fact that a newer one replaces costs no row.
    """

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed

    def journey(self, record: Record) -> tuple[Key, int, Fact]:
        """One order's fact. Raises UnusableRecordError where the value is none."""
        fact = _read(record)
        try:
            if "finishing_s" not in fact:
                fact = _with_current_fields(fact)
            if fact["center_id"] is None:
                # An earlier version named no center where an order had no check-in.
                fact = {**fact, "center_id": ""}
            return _key(fact["center_id"], fact["order_id"], fact["vehicle_id"]), int(fact["version"]), fact
        except _NO_FACT as error:
            raise UnusableRecordError(f"no journey fact: {type(error).__name__}") from None

    def journey_row(self, fact: Fact) -> Row:
        """The fact's row; a field that an earlier version did not know has its default.

        Raises UnusableRecordError where another field is missing, or one of another type.
        """
        try:
            try:
                return self._journey_row(fact)
            except KeyError:
                return self._journey_row(_with_current_fields(fact))
        except _NO_FACT as error:
            raise UnusableRecordError(f"no journey fact: {type(error).__name__}") from None

    def _journey_row(self, fact: Fact) -> Row:
        customer_id = fact["customer_id"]
        return (
            *_plain(fact),
            self._keyed.vehicle(fact["vehicle_id"]),
            None if customer_id is None else self._keyed.customer(customer_id),
            *map(_money_of, _money(fact)),
            *_columns("stages", fact["stages"]),
            *_part_columns(fact["parts"]),
            *_columns("surveys", fact["surveys"]),
            *_columns("complaint_list", fact["complaint_list"]),
            *_columns("follow_ups", fact["follow_ups"]),
        )

    def hour(self, record: Record) -> tuple[Key, int, Fact]:
        """One partition's part of a center's hour. Raises UnusableRecordError where the value is none."""
        fact = _read(record)
        try:
            return _key(fact["center_id"], fact["hour"], fact["partition"]), int(fact["revision"]), fact
        except _NO_FACT as error:
            raise UnusableRecordError(f"no center hour: {type(error).__name__}") from None

    def hour_row(self, fact: Fact) -> Row:
        """The hour's row, as `journey_row` makes an order's."""
        try:
            if not _HOUR_DEFAULTS.keys() <= fact.keys():
                fact = {**_HOUR_DEFAULTS, **fact}
            buckets = {int(bucket): count for bucket, count in fact["wait_buckets"].items()}
            return (*_hour_plain(fact), buckets)
        except _NO_FACT as error:
            raise UnusableRecordError(f"no center hour: {type(error).__name__}") from None


def _key(*parts: Any) -> Key:
    hash(parts)  # raises TypeError for a list or an object where an id belongs
    return parts


def _with_current_fields(fact: Fact) -> Fact:
    """A fact of an earlier version with its missing fields: no time has passed in an activity that it lacks."""
    none_passed = dict.fromkeys(
        ("finishing_s", "bay_expert_s", "bay_shift_end_s"), None if fact["lead_s"] is None else 0.0
    )
    lists = {name: [{**defaults, **item} for item in fact.get(name, ())] for name, defaults in _LIST_DEFAULTS.items()}
    complaints = [{**opened_only(complaint), **complaint} for complaint in lists["complaint_list"]]
    return {**_DEFAULTS, **none_passed, **fact, **lists, "complaint_list": complaints}


def _read(record: Record) -> Fact:
    try:
        fact: Fact = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        raise UnusableRecordError("no JSON") from None
    return fact


def _columns(name: str, items: list[dict[str, Any]]) -> tuple[tuple[Any, ...], ...]:
    """One tuple per field of the items."""
    return tuple(zip(*map(_fields[name], items), strict=True)) if items else _empty[name]


def _part_columns(parts: list[dict[str, Any]]) -> tuple[tuple[Any, ...], ...]:
    columns = _columns("parts", parts)
    if not parts:
        return columns
    return tuple(
        tuple(map(_money_of, column)) if index in _PART_MONEY else column for index, column in enumerate(columns)
    )


def _money_of(amount: Any) -> Any:
    """A decimal string with at most four decimals: the driver would cut further ones instead of rounding."""
    if amount is None:
        return None
    decimals = amount.partition(".")[2]
    if len(decimals) <= 4 and "e" not in amount and "E" not in amount:
        return amount
    return str(Decimal(amount).quantize(_SCALE, rounding=ROUND_HALF_EVEN))
