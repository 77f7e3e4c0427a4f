"""Tells whether the numbers of a pack still hold: the same, restated because events came since, or wrong.

The figures are computed again as of the pack's own moment. What differs then can only come from records that were not
there, or from another definition; how much it may differ is bounded by how many orders those records touch.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fixtrail.packs.canonical import canonical, rounded, sha256
from fixtrail.packs.compute import KIND, SCHEMA, SECTIONS
from fixtrail.packs.shown import shown_row
from fixtrail.packs.words import Pack, Row
from runtime.failure import USAGE, ExitError

Verdict = Literal["restated", "redefined", "wrong"]
# What open orders change, too: their events alone may move these.
OF_OPEN_ORDERS = ("open_", "odd_times", "complaints_per_month")
COMPARED = ("value", "low", "high", "n", "count")
# What follows from the targets, too.
JUDGED = ("target", "status")
# What the short texts are made of beside the figures. Alerts are not: staff may take them up later.
PARTS = ("headlines", "verdicts", "changes", "counts", "waits", "causes", "unknown")
# Those of them that hang on the orders of the pack's two periods alone.
OF_PERIODS = ("headlines", "changes", "waits")
# Reports of more than orders: shifts, stocks, shown estimates and alerts come without an order's record.
OF_MORE = frozenset({"data", "eta", "grades", "need", "parts", "staff", "voices", "warning"})
_OUTSIDE = ("sha256", "clock")
_TOLERANCE = 1e-8
_MARKUP = re.compile(r"<head>.*?</head>|</?[a-zA-Z!][^>]*>", re.S)


@dataclass(frozen=True, slots=True)
class PackDifference:
    """One number that differs: what the pack says, and what holds now."""

    figure: str
    period: str
    key: str | None
    name: str
    before: Any
    now: Any
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class News:
    """What came since a pack: records, and orders of its periods that they may have changed."""

    records: int
    orders: int


def read_pack(file: Path) -> dict[str, Any]:
    """A pack. Raises ExitError (2) for a file that is none."""
    try:
        pack = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ExitError(f"{file} is no pack: it is not JSON", USAGE) from None
    except OSError as error:
        raise ExitError(f"{file} cannot be read: {error.strerror}", USAGE) from None
    if not isinstance(pack, dict) or pack.get("kind") != KIND:
        raise ExitError(f"{file} is no pack: fixtrail report pack makes them", USAGE)
    if pack.get("schema") != SCHEMA:
        raise ExitError(f"{file} is a pack of schema {pack.get('schema')}; this version reads {SCHEMA}", USAGE)
    return pack


def flaws_of(pack: Pack) -> list[str]:
    """What is wrong with a pack by itself: its hash, or a figure that does not follow from its own counts."""
    try:
        content = {name: item for name, item in pack.items() if name not in _OUTSIDE}
        flaws = [] if sha256(content) == pack.get("sha256") else ["its sha256 is not that of its content"]
        return flaws + [flaw for row in pack["figures"] for flaw in _flaws_of_figure(row)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"it is not as a pack is: {type(error).__name__} {error}"]


def _flaws_of_figure(row: Row) -> Iterator[str]:
    name = f"{row['figure']} of {row['period']}"
    if row["unit"] == "share" and row["count"] is not None and row["n"] and row["value"] is not None:
        share = row["count"] / row["n"]
        if not _same(share, row["value"]):
            yield f"{name} says {row['value']:g}, and {row['count']} of {row['n']} are {share:g}"
    if shown_row(row, row["unit"], tuple(row["shown"])) != row["shown"]:
        yield f"{name}: the numbers shown are not its own"


def text_flaws(pack: Pack, texts: Mapping[str, tuple[str, str]]) -> list[str]:
    """Which texts, by file name the one there is and the one that the pack gives, do not say what the pack does.

    What a reader sees is compared: how a page is built may be another thing in another version.
    """
    return [
        f"{name} is not the text of this pack: it was changed, or written by another version"
        for name, (text, own_text) in texts.items()
        if _visible(text) != _visible(own_text)
    ]


def _visible(text: str) -> str:
    return " ".join(_MARKUP.sub(" ", text).split())


def part_flaws(pack: Pack, again: Pack, news: News) -> list[str]:
    """What a pack, computed again against the same targets, says otherwise beside its figures, or has and it lacks.

    What records since may have changed is left out.
    """
    missing = {_name(row) for row in again["figures"]} - {_name(row) for row in pack["figures"]}
    flaws = [f"{figure} of {period} is missing" for figure, period, _ in sorted(missing, key=str)]
    compared = OF_PERIODS if news.records else PARTS
    parts = [name for name in compared if not news.orders and canonical(pack[name]) != canonical(again[name])]
    flaws += [f"its {name} are not those of these data" for name in parts]
    for name, section in () if news.records else again["reports"].items():
        own = pack["reports"].get(name, section)
        if name not in OF_MORE and canonical(own) != canonical(section):
            flaws.append(f"its report {name} is not that of these data")
    return flaws


def word_flaws(pack: Pack, again: Pack, news: News) -> list[str]:
    """Which words of a pack, computed again, are others: definitions, titles, and those of tables, if nothing came."""
    flaws = []
    current = _words_of(again, news)
    for of, words in _words_of(pack, news).items():
        now = current.get(of, {})
        if any(canonical(text) != canonical(now[name]) for name, text in words.items() if name in now):
            flaws.append(f"{of} does not say what this version says: it was changed, or written by another version")
    return flaws + [f"there is no report {name}" for name in sorted(set(pack["reports"]) - SECTIONS)]


def _words_of(pack: Pack, news: News) -> dict[str, dict[str, Any]]:
    """What a pack says beside its numbers, by where it says it."""
    words = {"the list of queries": pack["queries"], "the list of definitions": pack["definitions"]}
    for name, section in pack["reports"].items():
        words[f"report {name}"] = {
            **{part: section[part] for part in ("title", "question")},
            **section["definitions"],
            # Of other data a table may have another title.
            **{f"table {sheet}": _head_of(table) for sheet, table in section["tables"].items() if not news.records},
        }
    return words


def _head_of(table: Mapping[str, Any]) -> list[Any]:
    return [table["title"], [{**column, "words": None} for column in table["columns"]]]


def differences(pack: Pack, figures: Iterable[Row], news: News, *, is_judged: bool = False) -> list[PackDifference]:
    """Where the figures, computed again, are not those of the pack. `is_judged`: against the same targets."""
    current = {_name(row): rounded(dict(row)) for row in figures}
    return [
        difference
        for row in pack["figures"]
        if (now := current.get(_name(row))) is not None
        for difference in _of_row(row, now, news, (*COMPARED, *JUDGED) if is_judged else COMPARED)
    ]


def _of_row(row: Row, now: Row, news: News, compared: Iterable[str]) -> Iterator[PackDifference]:
    names = [name for name in compared if not _same(row[name], now[name])]
    verdict, reason = _judged(row, now, news)
    for name in names:
        yield PackDifference(row["figure"], row["period"], row["key"], name, row[name], now[name], verdict, reason)


def _judged(row: Row, now: Row, news: News) -> tuple[Verdict, str]:
    if row["version"] != now["version"]:
        return "redefined", f"definition version {row['version']}, now {now['version']}"
    if not news.records:
        return "wrong", "no record has come since"
    if row["figure"].startswith(OF_OPEN_ORDERS):
        return "restated", f"{news.records} records have come since"
    if not news.orders:
        return "wrong", "no record that came since is about its orders"
    bounds = {"n": news.orders, "count": max(news.orders, news.records)}
    for name, most in bounds.items():
        if row[name] is not None and now[name] is not None and abs(row[name] - now[name]) > most:
            return "wrong", f"{name} differs by more than the {most} that records since can change"
    return "restated", f"{news.orders} of its orders may have changed by {news.records} records since"


def is_behind(mark: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a watermark lacks something that another one has."""
    newest = now["partitions"]
    return any(newest.get(partition, -1) < offset for partition, offset in mark["partitions"].items())


def _name(row: Row) -> tuple[str, str, str | None]:
    return row["figure"], row["period"], row["key"]


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=1e-12)
    return bool(first == second)
