"""How long each technician takes beside what his cases let expect. Pure."""

from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.grades.case_mix import FEWEST_ORDERS, LEAST, design_of
from fixtrail.reports.report import Bilingual, Column
from fixtrail.reports.stats.intervals import Z
from fixtrail.reports.stats.touch_mix import TouchEffects, touch_model

KEYS = ["center_id", "order_id", "vehicle_key", "technician"]
TOUCH_COLUMNS = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("technician", Bilingual("技师", "technician")),
    Column("orders", Bilingual("工单", "orders"), "count"),
    Column("middle_s", Bilingual("维修时长中位数", "repair time, median"), "minutes"),
    Column("expected_s", Bilingual("按其工单应有", "expected with his cases"), "minutes"),
    Column("ratio", Bilingual("时长之比（收缩后）", "times as long, shrunk"), "number"),
    *Column.bounds("number"),
    Column("enough", Bilingual("数量足够", "enough")),
    Column("apart", Bilingual("与应有不同", "apart from the expected")),
)


def touch_mix_of(work: pd.DataFrame, touches: pd.DataFrame) -> pd.DataFrame:
    """One row per technician, of queries grades and grades_touch; none of fewer than 50 orders in all.

    `middle_s` and `expected_s` are of a typical order (means of logarithms); `ratio` is how many times as long his
    work takes as that of another would with the same cases.
    """
    frame = work.merge(touches[touches["touch_s"] > 0], on=KEYS) if len(work) and len(touches) else work.iloc[:0]
    names = [column.name for column in TOUCH_COLUMNS]
    if len(frame) < FEWEST_ORDERS:
        return pd.DataFrame(columns=names)
    seconds = frame["touch_s"].to_numpy(float)
    # A time has no outcome of which a level could have one kind only.
    columns, number, numbers = design_of(frame, (np.arange(len(frame)) % 2).astype(float))
    effects, persons = touch_model(seconds, columns, numbers), np.array(numbers)
    rows = [_row(key, seconds[persons == index], effects, persons == index, index) for key, index in number.items()]
    return pd.DataFrame(rows, columns=names).sort_values(
        ["enough", "ratio"], ascending=[False, False], kind="stable", ignore_index=True
    )


def _row(
    key: tuple[str, str], seconds: Any, effects: TouchEffects, own: "np.ndarray[Any, Any]", index: int
) -> dict[str, Any]:
    effect, half = float(effects.effects[index]), Z * float(effects.errors[index])
    low, high = float(np.exp(effect - half)), float(np.exp(effect + half))
    enough = len(seconds) >= LEAST
    return {
        "center_id": key[0],
        "technician": key[1],
        "orders": len(seconds),
        "middle_s": float(np.exp(np.log(seconds).mean())),
        "expected_s": float(np.exp(effects.expected[own].mean())),
        "ratio": float(np.exp(effect)),
        "low": low,
        "high": high,
        "enough": enough,
        "apart": enough and (low > 1 or high < 1),
    }
