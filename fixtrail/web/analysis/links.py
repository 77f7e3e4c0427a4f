"""From a report to its orders: the addresses behind a cut's keys and behind the cells of tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from fixtrail.reports.forms.page import NoLinks
from fixtrail.reports.options import CUTS
from fixtrail.reports.report import Column

# By column of a table, the cut of which its value is a key.
_CUTS = {
    "center_id": "center",
    "fault_group": "group",
    "fault_origin": "origin",
    "lane": "lane",
    "region": "region",
    "wave": "wave",
}


@dataclass(frozen=True, slots=True)
class OrderLinks(NoLinks):
    """Leads to /analysis/orders with the report's days, or to the page of one order; names the keys of cuts."""

    since: date | None = None
    until: date | None = None
    key_name: Callable[[str | None, str], str] | None = None

    def name_of_key(self, by: str | None, key: str) -> str:
        return key if self.key_name is None else self.key_name(by, key)

    def of_key(self, by: str | None, key: str | None) -> str | None:
        return None if by not in CUTS or not key else self._orders(by=str(by), key=key)

    def of_cell(self, row: Mapping[str, Any], column: Column) -> str | None:
        text = row.get(column.name)
        if not isinstance(text, str) or not text:
            return None
        if column.name == "order_id" and row.get("center_id"):
            return f"/ops/orders/{quote(text, safe='')}?{urlencode({'center_id': row['center_id']})}"
        if column.name == "part_no":
            return self._orders(part=text)
        if column.name == "key" and row.get("dimension") in ("center", "lane"):
            return self._orders(by=row["dimension"], key=text)
        return self._orders(by=_CUTS[column.name], key=text) if column.name in _CUTS else None

    def _orders(self, **chosen: str) -> str:
        days = {"from": self.since, "to": self.until}
        return "/analysis/orders?" + urlencode({**chosen, **{name: day for name, day in days.items() if day}})
