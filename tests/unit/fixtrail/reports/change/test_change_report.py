"""Report change: which two periods it compares, what it says of them, and the way to the orders."""

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from fixtrail.reports.change import report as change
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import Options
from fixtrail.reports.report import Bilingual
from fixtrail.reports.targets import Period, Targets
from runtime.failure import ExitError

NOW = datetime(2026, 7, 6, tzinfo=UTC)
LAST_CLOSE = date(2026, 7, 4)
CENTERS = pd.DataFrame({"center_id": ["C1", "O'Hara"], "wave": [0, 1], "wave_start": [None, None]})


class Warehouse:
    """Answers the report's queries; from 1 July on orders at O'Hara wait an hour longer."""

    def __init__(self) -> None:
        self.periods: list[tuple[date | None, date | None]] = []

    def __call__(self, query: str, /, **parameters: Any) -> pd.DataFrame:
        if query == "span":
            days = {"first_day": date(2026, 1, 1), "last_day": LAST_CLOSE, "last_close": LAST_CLOSE, "handed_off": 9}
            return pd.DataFrame([days])
        if query == "centers":
            return CENTERS
        if parameters["figure"] == "wait_mean_s":
            self.periods.append((parameters["since"], parameters["until"]))
        late = 3600.0 * (parameters["since"] == date(2026, 7, 1))
        return pd.DataFrame([self.cell("C1", 1200.0), self.cell("O'Hara", 1200.0 + late)])

    def cell(self, center: str, wait: float) -> dict[str, Any]:
        """200 orders that wait half as long and half as long again."""
        waits = (200, 200 * wait, 200, 200 * wait**2 * 1.25, 200 * wait, 200)
        return {"center_id": center, "lane_name": "quick", "groups": "brakes"} | dict(
            zip(("orders", "x", "d", "xx", "xd", "dd"), waits, strict=True)
        )


def test_days_are_compared_with_as_many_before_them():
    warehouse = Warehouse()

    change.build(warehouse, Options(NOW, date(2026, 7, 1), date(2026, 7, 4)))

    assert warehouse.periods == [(date(2026, 6, 27), date(2026, 6, 30)), (date(2026, 7, 1), date(2026, 7, 4))]


def test_without_days_the_last_28_are_compared():
    warehouse = Warehouse()

    change.build(warehouse, Options(NOW))

    assert warehouse.periods == [(date(2026, 5, 10), date(2026, 6, 6)), (date(2026, 6, 7), LAST_CLOSE)]


def test_two_periods_of_the_targets_are_compared():
    warehouse = Warehouse()
    days = (date(2026, 3, 1), date(2026, 6, 1))
    periods = tuple(Period(f"p{day}", Bilingual("", ""), day, day) for day in days)

    change.build(warehouse, Options(NOW, targets=Targets(periods=periods)))

    assert warehouse.periods == [(day, day) for day in days]
    with pytest.raises(ExitError, match="compares two periods"):
        change.build(warehouse, Options(NOW, targets=Targets(periods=(*periods, *periods[:1]))))


def test_the_center_that_changed_is_named_with_its_orders():
    document = as_json(change.build(Warehouse(), Options(NOW, date(2026, 7, 1), date(2026, 7, 4))))
    wait = document["tables"]["changes"][0]
    first = document["tables"]["pieces"][0]

    assert (wait["figure"], wait["verdict"]) == ("wait_mean_s", "worse")
    assert (wait["before"], wait["after"], wait["change"]) == (1200, 3000, 1800)
    assert (first["figure"], first["dimension"], first["key"]) == ("wait_mean_s", "center", "O'Hara")
    assert (first["mix"], first["rate"], first["is_named"]) == (0, pytest.approx(1800), True)
    assert "center_id = 'O\\'Hara' AND toDate(closed_at, 'UTC') >= '2026-07-01'" in first["orders"]
    assert not any(piece["is_named"] for piece in document["tables"]["pieces"] if piece["key"] == "C1")
