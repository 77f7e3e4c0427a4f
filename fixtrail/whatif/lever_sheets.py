"""The tables of a changed stock-out rate and of a closed quick lane: what the history has of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from fixtrail.reports.report import Bilingual, Column, Sheet
from fixtrail.whatif.changes import QUICK, WhatIfChange
from fixtrail.whatif.donors import Donors
from fixtrail.whatif.history import PastVisit, WhatIfHistory

_PARTS = (
    Column("requests", Bilingual("配件请求", "part requests"), "count"),
    Column("stockouts", Bilingual("其中缺货", "backordered"), "count"),
    Column("share", Bilingual("缺货率", "stock-out rate"), "share"),
    Column("share_after", Bilingual("有变化时", "with the change"), "share"),
    Column("orders", Bilingual("有配件请求的订单", "orders that asked for parts"), "count"),
    Column("orders_out", Bilingual("其中遇缺货", "of those, with one not there"), "count"),
)
_LANE = (
    Column("group", Bilingual("首个故障", "first fault")),
    Column("faults", Bilingual("故障数", "faults"), "count"),
    Column("cars", Bilingual("快修通道车辆", "cars of the quick lane"), "count"),
    Column("work_s", Bilingual("每车作业", "work a car"), "minutes"),
    Column("work_after_s", Bilingual("标准通道中", "in the standard lane"), "minutes"),
    Column("like", Bilingual("标准通道同故障车辆", "like them in the standard lane"), "count"),
)


def lever_sheets(history: WhatIfHistory, change: WhatIfChange) -> Iterator[Sheet]:
    if change.stockout is not None:
        yield Sheet(
            "parts", Bilingual("缺货", "Parts that were not there"), _PARTS, (_parts(history, change.stockout),)
        )
    if not change.has_quick_lane:
        title = Bilingual("快修通道的车辆", "Cars of the quick lane")
        yield Sheet("quick_lane", title, _LANE, tuple(_quick_lane(history)))


def _parts(history: WhatIfHistory, share_after: float) -> Mapping[str, Any]:
    visits = [visit for visit in history.visits if visit.requests]
    requests, stockouts = sum(visit.requests for visit in visits), sum(visit.stockouts for visit in visits)
    return {
        "requests": requests,
        "stockouts": stockouts,
        "share": stockouts / requests if requests else None,
        "share_after": share_after,
        "orders": len(visits),
        "orders_out": sum(visit.stockouts > 0 for visit in visits),
    }


def _quick_lane(history: WhatIfHistory) -> Iterator[Mapping[str, Any]]:
    """The lane's faults, the most frequent first."""
    donors = Donors(history.visits)
    of_fault: defaultdict[tuple[str, int], list[PastVisit]] = defaultdict(list)
    for visit in history.visits:
        if visit.lane == QUICK and visit.is_counted:
            of_fault[visit.group, visit.faults].append(visit)
    for visits in sorted(of_fault.values(), key=len, reverse=True):
        yield {
            "group": visits[0].group,
            "faults": visits[0].faults,
            "cars": len(visits),
            "work_s": sum(visit.work_s for visit in visits) / len(visits),
            "work_after_s": donors.standard_work_s(visits[0]),
            "like": len(donors.of_standard_lane(visits[0])),
        }
