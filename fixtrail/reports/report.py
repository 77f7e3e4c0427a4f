"""The model of a report: figures with their uncertainty, tables, pictures, and methods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from schemas.locales import Locale as Locale

if TYPE_CHECKING:
    import matplotlib.figure

    Picture = matplotlib.figure.Figure
else:
    # What draws loads matplotlib, which takes a second; others only name the type.
    Picture = Any

# The form of the JSON documents; grows when a key is renamed or taken away.
SCHEMA = 1

Part = Literal["headline", "service_levels", "left_out", "answers"]
Kind = Literal["text", "count", "number", "share", "nps", "minutes", "money", "p", "points"]


class Bilingual(NamedTuple):
    """A text in both languages."""

    zh: str
    en: str

    def in_locale(self, locale: Locale) -> str:
        return self.zh if locale == "zh-CN" else self.en

    def by_locale(self) -> dict[str, str]:
        """Both texts, as JSON has them."""
        return {"zh-CN": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval; None on a side where nothing bounds it."""

    low: float | None
    high: float | None

    def cells(self) -> dict[str, float | None]:
        """Its ends, as a table's row has them."""
        return {"low": self.low, "high": self.high}


NO_INTERVAL = Interval(None, None)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure means. `unit` is that of the stored value: share (0 to 1), nps (-100 to 100), s, per_100 …"""

    title: Bilingual
    text: Bilingual
    unit: str
    better: Literal["higher", "lower"] | None = None
    # Grows when the same events would give another number.
    version: int = 1
    # In which of a report's tables of figures it stands.
    part: Part = "headline"
    # Why an order can be left out of it: columns of analytics/queries/data_orders.sql.
    needs: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        kinds: dict[str, Kind] = {
            "share": "share",
            "share_points": "points",
            "nps": "nps",
            "s": "minutes",
            "orders": "count",
            "cases": "count",
            "cells": "count",
        }
        return kinds.get(self.unit, "number")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it takes to believe it.

    `figure` is a name in the report's `definitions`. Shares are between 0 and 1, NPS between -100 and 100, times in
    seconds. `n` of `n_all` could be used; `count` of them held, where it is a share. `by` and `key` name the cut.
    Where `interval` reckons with the difference between so many `centers`, `of_orders` is that of their orders alone.

    `left_out`: why those of `n_all` that are not among `n` could not be used, and how many; with n it is n_all.
    `unripe` orders were closed so lately that the figure may still change: all closed by `ripe_until` are settled.
    `no_interval` says why there is no interval. `judged_on` is the figure on which the target's status was decided.
    """

    figure: str
    value: float | None
    n: int | None
    n_all: int | None
    interval: Interval = NO_INTERVAL
    count: int | None = None
    period: str = "all"
    by: str | None = None
    key: str | None = None
    target: float | None = None
    status: str | None = None
    method: str | None = None
    centers: int | None = None
    of_orders: Interval = NO_INTERVAL
    left_out: Mapping[str, int] = field(default_factory=dict)
    unripe: int | None = None
    ripe_until: date | None = None
    no_interval: str | None = None
    judged_on: str | None = None

    def __post_init__(self) -> None:
        """Reasons that leave out nothing are none. Of no value, or one alone, that is why there is no interval."""
        object.__setattr__(self, "left_out", {name: int(n) for name, n in self.left_out.items() if n})
        if self.interval == NO_INTERVAL and self.no_interval in (None, "all_counted", "descriptive"):
            of_value = self.no_interval or ("one_value" if self.n == 1 else None)
            object.__setattr__(self, "no_interval", "no_data" if self.value is None else of_value)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: `kind` is how it is shown, never how it is stored (minutes are stored in seconds).

    `words` are what a reader is shown for the codes that are stored.
    """

    name: str
    title: Bilingual
    kind: Kind = "text"
    words: Mapping[str, Bilingual] | None = None

    @classmethod
    def bounds(cls, kind: Kind) -> "tuple[Column, Column]":
        """The columns of an interval, as `Interval.cells` has them."""
        return cls("low", Bilingual("下限", "low"), kind), cls("high", Bilingual("上限", "high"), kind)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a report: what the page shows, the CSV file holds and the JSON document lists under its name."""

    name: str
    title: Bilingual
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    note: Bilingual | None = None
    # Page and terminal show only so many rows, with 0 not even the title; CSV and JSON have all.
    shown: int = 50

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame([dict(row) for row in self.rows], columns=[column.name for column in self.columns])


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture; `sheet` names the table with the numbers that it shows, `draw` makes it for a reader's language."""

    name: str
    title: Bilingual
    sheet: str
    draw: "Callable[[Locale], Picture]"


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was computed, in every form but the last: page, terminal, JSON and pictures are made of it.

    `scope` says what it is about (from, to, by, time zone …); `methods` how it was computed and what it cannot tell.
    """

    name: str
    title: Bilingual
    question: Bilingual
    scope: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    charts: tuple[Chart, ...] = ()
    methods: tuple[Bilingual, ...] = ()
    definitions: Mapping[str, Definition] = field(default_factory=dict)

    def sheet(self, name: str) -> Sheet:
        return next(sheet for sheet in self.sheets if sheet.name == name)


def sheet_of(
    name: str,
    title: Bilingual,
    columns: Sequence[Column],
    rows: pd.DataFrame | Sequence[Mapping[str, Any]],
    note: Bilingual | None = None,
    shown: int = 50,
) -> Sheet:
    """Rows as a table of these columns, in this order; they may have more."""
    names = [column.name for column in columns]
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=names)
    records = frame[names].to_dict("records")
    return Sheet(
        name, title, tuple(columns), tuple({str(k): plain(v) for k, v in row.items()} for row in records), note, shown
    )


def plain(value: Any) -> Any:
    """A value as JSON has it: null for what is not there, times as RFC 3339, numbers of Python's own types."""
    if isinstance(value, Bilingual):
        return {"zh-CN": value.zh, "en": value.en}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating, Decimal)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    return value.isoformat() if isinstance(value, date) else value
