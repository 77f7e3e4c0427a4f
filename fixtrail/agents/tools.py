"""What an agent may ask: defined figures, one order's story, and read-only SQL that is marked as no defined figure.

Plain functions without any protocol; each answer is one JSON text, its numbers those of `fixtrail ask` and `report`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from fixtrail.clickhouse import query as sql
from fixtrail.clickhouse.literals import literal
from fixtrail.configuration import report_targets
from fixtrail.reports.figures.answer import Question, answer
from fixtrail.reports.figures.catalogue import all_described, described, parse_conditions
from fixtrail.reports.options import Options, parse_days
from fixtrail.reports.queries import query_runner
from fixtrail.settings import ReportSettings
from runtime.failure import ExitError
from schemas.other_centers import without_other_centers

NOT_DEFINED = "not a defined figure: rows of a query, without n, interval or status; get_figure gives figures"
MOST_BYTES = 256 * 1024
# Of an order under two vehicles the one with the newer events, as on pages.
_ORDER = """SELECT * FROM orders WHERE order_id = {order:String}
            AND ({center:String} = '' OR center_id = {center:String})
            ORDER BY last_event_at DESC LIMIT 1 BY center_id LIMIT 100"""
_STAGES = """SELECT * FROM stages WHERE order_id = {order:String} AND center_id = {center:String}
             AND vehicle_key = {vehicle:String} ORDER BY seq LIMIT 500"""
# Pseudonyms say nothing of one order, and would let an agent follow one customer through all of them.
_KEYS = ("vehicle_key", "customer_key", "technician_id")


class RefusedError(Exception):
    """What an agent asked for is not answered; the message says why, and what is."""


class Tools:
    """The tools over the ClickHouse of these settings. `centers`: only figures and orders of these; None for all."""

    def __init__(self, settings: ReportSettings, centers: Iterable[str] | None = None) -> None:
        self._settings = settings
        self.centers = None if centers is None else frozenset(centers)

    def list_figures(self) -> str:
        """Every figure that is defined: name, title, question, unit and cuts."""
        names = ("figure", "title", "question", "unit", "cuts")
        return _json([{name: description[name] for name in names} for description in all_described()])

    def describe_figure(self, figure: str) -> str:
        """A figure's formula, unit, version, cuts and conditions. What is not defined is refused with the nearest."""
        try:
            return _json(described(figure))
        except ValueError as error:
            raise RefusedError(str(error)) from None

    def get_figure(
        self,
        figure: str,
        by: str | None = None,
        since: str | None = None,
        until: str | None = None,
        where: list[str] | None = None,
    ) -> str:
        """A defined figure with n, 95 % interval, target and status.

        by: center, region, wave, lane, origin, group, day, week or month. since, until: days of close such as
        2026-07-01, both included. where: conditions such as center=east-01 or lane=quick.
        """
        try:
            options = Options(
                datetime.now(UTC), *parse_days(since, until, ("since", "until")), by, report_targets(self._settings)
            )
            question = Question(figure, options, parse_conditions(where or ()), self.centers)
            return _json(answer(query_runner(self._settings), question))
        except (ValueError, ExitError) as error:
            raise RefusedError(str(error)) from None

    def explain_order(self, order: str, center: str = "") -> str:
        """One order: what happened, how long each stage took and what was waited for; without any personal data."""
        rows = self._rows(_ORDER, order=order, center=center)
        allowed = [row for row in rows if self.centers is None or row["center_id"] in self.centers]
        if not allowed:
            raise RefusedError(f"there is no order {order!r}" + (f" of center {center}" if center else ""))
        if len(allowed) > 1:
            centers = ", ".join(sorted(str(row["center_id"]) for row in allowed))
            raise RefusedError(f"several centers have an order {order!r}: say center, one of {centers}")
        row = without_other_centers(allowed[0], self.centers)
        stages = self._rows(_STAGES, order=order, center=str(row["center_id"]), vehicle=str(row["vehicle_key"]))
        return _json({"order": _without_keys(row), "stages": [_without_keys(stage) for stage in stages]})

    def run_sql(self, query: str) -> str:
        """Rows of a read-only ClickHouse query on the views of database fixtrail. This is NOT a defined figure."""
        pieces, size = [], 0
        try:
            for piece in sql.query(self._settings, query, "JSONCompact"):
                pieces.append(piece)
                size += len(piece)
                if size > MOST_BYTES:
                    raise RefusedError(f"the answer is larger than {MOST_BYTES // 1024} KiB: ask for fewer rows")
        except ExitError as error:
            raise RefusedError(str(error)) from None
        text = b"".join(pieces).decode(errors="replace")
        try:
            parsed = orjson.loads(text)
            columns, rows = [column["name"] for column in parsed["meta"]], parsed["data"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            # The query named a format of its own.
            return _json({"note": NOT_DEFINED, "text": text})
        return _json({"note": NOT_DEFINED, "columns": columns, "rows": rows})

    def _rows(self, text: str, **parameters: str) -> list[dict[str, Any]]:
        literals = {name: literal(value) for name, value in parameters.items()}
        try:
            lines = b"".join(sql.query(self._settings, text, "JSONEachRow", literals)).splitlines()
        except ExitError as error:
            raise RefusedError(str(error)) from None
        return [orjson.loads(line) for line in lines if line]


def _without_keys(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _KEYS}


def _json(document: Any) -> str:
    return orjson.dumps(document).decode()
