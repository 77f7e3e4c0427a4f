"""The queries of analytics/queries, and their answers as data frames, asked as the user who may only read the views."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson
import pandas as pd

from fixtrail.clickhouse import query as sql
from fixtrail.clickhouse.literals import literal
from fixtrail.settings import ReportSettings
from runtime.failure import ExitError

# READONLY, SETTING_CONSTRAINT_VIOLATION: the server's administrator has said how long a reader's query may take.
_NOT_ALLOWED = re.compile(r"Code: (164|452)\b")
# UNKNOWN_IDENTIFIER, UNKNOWN_TABLE, UNKNOWN_DATABASE: what the queries name is made by migrations.
_NOT_MIGRATED = re.compile(r"Code: (47|60|81)\b")
FOLDER = Path(__file__).resolve().parents[2] / "analytics" / "queries"


class Ask(Protocol):
    """The answer of a query of analytics/queries, by its name, with the parameters that it declares."""

    def __call__(self, query: str, /, **parameters: Any) -> pd.DataFrame: ...


def text_of(query: str) -> str:
    """A query's SQL. A line `-- with: NAME` puts query NAME before it, for FROM to name. Raises FileNotFoundError."""
    text = (FOLDER / f"{query}.sql").read_text(encoding="utf-8")
    base = re.search(r"^-- with: (\w+)$", text, re.MULTILINE)
    if base is None:
        return text
    # A query has one WITH: what the query names itself follows.
    further = re.sub(r"^WITH\b", ",", text, count=1, flags=re.MULTILINE)
    return f"WITH {base[1]} AS\n(\n{text_of(base[1])})\n{further}"


def questions() -> dict[str, str]:
    """Every query's name and the question that it answers: its first line."""
    files = sorted(FOLDER.glob("*.sql"))
    return {file.stem: file.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("--").strip() for file in files}


def parameters_of(text: str) -> set[str]:
    """The names of the parameters that a query declares as {name:Type}."""
    return set(re.findall(r"\{(\w+):", text))


def query_runner(settings: ReportSettings, answered: Callable[[], None] | None = None) -> Ask:
    """Asks the ClickHouse of these settings. What it raises: ExitError, as `fixtrail sql` does.

    `answered` is called after each answer.
    """

    def ask(query: str, /, **parameters: Any) -> pd.DataFrame:
        text = text_of(query)
        declared = {name: value for name, value in parameters.items() if name in parameters_of(text)}
        answer = frame(settings, text, declared)
        if answered is not None:
            answered()
        return answer

    return ask


def frame(settings: ReportSettings, text: str, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a query. Numbers are float64 where they may be missing, times are UTC, money is float64."""
    answer = orjson.loads(_answer(settings, text, {name: literal(value) for name, value in parameters.items()}))
    # Of no rows the answer has no columns either.
    columns = {
        about["name"]: pd.Series(answer["data"].get(about["name"], []), dtype=object) for about in answer["meta"]
    }
    return pd.DataFrame({about["name"]: _typed(columns[about["name"]], about["type"]) for about in answer["meta"]})


def _answer(settings: ReportSettings, text: str, parameters: Mapping[str, str]) -> bytes:
    """The answer within the time of reports, or of the reader where the server allows no other."""
    form = "JSONColumnsWithMetadata"
    try:
        return b"".join(sql.query(settings, text, form, parameters, settings.report_s))
    except ExitError as error:
        if _NOT_MIGRATED.search(str(error)):
            advice = "ClickHouse has the views of another version of Fixtrail: run `fixtrail migrate`."
            raise ExitError(f"{error}\n{advice}") from None
        if not _NOT_ALLOWED.search(str(error)):
            raise
    return b"".join(sql.query(settings, text, form, parameters))


_WRAPPED = re.compile(r"^(?:LowCardinality|Nullable)\((.*)\)$")


def _typed(column: "pd.Series[Any]", kind: str) -> "pd.Series[Any]":
    nullable = "Nullable(" in kind
    while match := _WRAPPED.match(kind):
        kind = match[1]
    convert = _TYPES.get(re.split(r"[\d(]", kind, maxsplit=1)[0])
    if kind.startswith(("UInt", "Int")) and nullable:
        convert = _float
    return convert(column) if convert else column.where(column.notna(), None)


def _float(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype("float64")


def _time(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return pd.to_datetime(column, utc=True, format="ISO8601")


def _truth(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype("boolean" if column.isna().any() else "bool")


_TYPES: "dict[str, Callable[[pd.Series[Any]], pd.Series[Any]]]" = {
    "Float": _float,
    "Decimal": _float,
    "UInt": lambda column: column.astype("int64"),
    "Int": lambda column: column.astype("int64"),
    "Bool": _truth,
    "DateTime": _time,
    "Date": _time,
}
