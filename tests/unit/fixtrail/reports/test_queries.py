"""What a report says where ClickHouse refuses its query."""

from collections.abc import Iterator
from typing import Any

import pytest

from fixtrail.all_settings import Settings
from fixtrail.reports import queries
from runtime.failure import ExitError


def test_views_of_another_version_are_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any) -> Iterator[bytes]:
        raise ExitError("Code: 47. DB::Exception: Unknown expression identifier `vehicle_key`. (UNKNOWN_IDENTIFIER)")
        yield b""

    monkeypatch.setattr(queries.sql, "query", refuse)

    with pytest.raises(ExitError, match=r"Code: 47.*\n.*run `fixtrail migrate`"):
        queries.frame(Settings(), "SELECT vehicle_key FROM complaints", {})
