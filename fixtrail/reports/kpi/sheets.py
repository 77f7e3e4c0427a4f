"""Tables beside the KPI figures: what each figure leaves out, anomalies of orders, and records that were refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fixtrail.reports.beside import ANOMALIES, LEFT_OUT, REFUSALS
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.kpi.answers import KeyAnswers
from fixtrail.reports.report import Bilingual, Column, Figure, Sheet, plain

LATE = "too_late"
TITLES = {name: about.title for name, about in DEFINITIONS.items()}
_PERIOD = Column("period", Bilingual("时段", "period"))
_KEY = Column("key", Bilingual("分组", "key"))


def left_out_sheet(figures: Sequence[Figure]) -> Sheet:
    """One row for each reason of each figure."""
    rows = tuple(
        {"period": figure.period, "key": figure.key, "figure": figure.figure, "n_all": figure.n_all, "n": figure.n}
        | {"reason": reason, "left_out": n}
        for figure in figures
        if figure.figure in DEFINITIONS and DEFINITIONS[figure.figure].part == "headline"
        for reason, n in figure.left_out.items()
    )
    columns = (
        _PERIOD,
        _KEY,
        Column("figure", Bilingual("指标", "figure"), words=TITLES),
        Column("n_all", Bilingual("全部", "of all"), "count"),
        Column("n", Bilingual("可用", "usable"), "count"),
        Column("reason", Bilingual("未计入的原因", "left out because"), words=LEFT_OUT),
        Column("left_out", Bilingual("未计入", "left out"), "count"),
    )
    return Sheet("left_out", Bilingual("各指标未计入什么", "What each figure leaves out"), columns, rows, shown=0)


class Beside:
    """Collects the anomalies and refusals of each period."""

    def __init__(self) -> None:
        self._anomalies: list[Mapping[str, Any]] = []
        self._refused: list[Mapping[str, Any]] = []

    def add(self, period: str, keys: Sequence[KeyAnswers], refused: pd.DataFrame) -> None:
        """One period's, from the answers of kpi and kpi_refused."""
        self._anomalies += (
            {"period": period, "key": about.key, "kind": kind, "orders": n, "of": int(about.counts["orders"])}
            for about in keys
            for kind, n in sorted(about.anomalies.items())
        )
        self._refused += (
            {"period": period, "late": row["code"] == LATE, **{str(name): plain(value) for name, value in row.items()}}
            for row in refused.to_dict("records")
        )

    def sheets(self) -> tuple[Sheet, ...]:
        """Both tables."""
        anomalies = (
            _PERIOD,
            _KEY,
            Column("kind", Bilingual("异常", "anomaly"), words=ANOMALIES),
            Column("orders", Bilingual("工单", "orders"), "count"),
            Column("of", Bilingual("共", "of"), "count"),
        )
        refused = (
            _PERIOD,
            Column("code", Bilingual("拒收原因", "refused because"), words=REFUSALS),
            Column("records", Bilingual("记录", "records"), "count"),
            Column("late", Bilingual("过晚", "too late")),
            Column("newest", Bilingual("最近一次", "newest")),
        )
        return (
            Sheet("anomalies", Bilingual("异常工单", "Orders with anomalies"), anomalies, tuple(self._anomalies)),
            Sheet(
                "refused",
                Bilingual("被拒收的记录", "Records that were refused"),
                refused,
                tuple(self._refused),
                Bilingual(
                    "这些记录不在任何指标之内；无法归到中心，因此每个时段合计。",
                    "They are in no figure. Their centers are not known, so they are told of all together.",
                ),
            ),
        )
