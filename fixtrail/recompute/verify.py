"""`fixtrail verify`: every order and center hour derived again from the stored events, compared with what is stored.

By default ClickHouse derives them, by SQL that shares nothing with the rules of the stream; `--rules python` takes the
stream's own. While events still flow, orders in flight show as differences: run it when `fixtrail status` is idle.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

from fixtrail.recompute.comparison import VerifyReport, report_lines
from fixtrail.settings import ClickHouseSettings
from runtime.failure import NEGATIVE, OK, ExitError

Rules = Literal["sql", "python"]


def run_verify(settings: ClickHouseSettings, *, rules: Rules = "sql", as_json: bool = False) -> int:
    """Print what differs; 0 where nothing does, else 1. Raises ExitError where ClickHouse cannot be used."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from fixtrail.clickhouse.admin import LONG_QUERY_S, writing_client
    from fixtrail.terminal.printable import shown_text
    from fixtrail.terminal.progress_bars import share_bar

    client = writing_client(settings, timeout_s=LONG_QUERY_S)
    with share_bar("verifying") as moved:
        try:
            report = _verifier(rules)(client, moved)
        except ClickHouseError as error:
            raise ExitError(f"ClickHouse ended the comparison: {str(error).splitlines()[0][:500]}") from None
    print(json.dumps(asdict(report), default=str) if as_json else shown_text("\n".join(report_lines(report))))
    sys.stdout.flush()
    return NEGATIVE if report.count else OK


def _verifier(rules: Rules) -> Callable[[Any, Callable[[int, int], object]], VerifyReport]:
    if rules == "python":
        from fixtrail.recompute.by_python import verify_by_python

        return verify_by_python
    from fixtrail.recompute.by_sql import verify_by_sql

    return verify_by_sql
