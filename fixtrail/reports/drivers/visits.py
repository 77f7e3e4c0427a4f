"""What may have moved a score, visit by visit, from the answer of analytics/queries/drivers.sql."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual
from fixtrail.reports.sample import MOST_ORDERS, end_key, one_vehicle_in
from fixtrail.reports.target_tables import number_of, table_of

# The window of a comeback: CONTRACT section 3. Only after it is a first-time fix certain.
CERTAIN_AFTER = timedelta(days=30)
CAUSES = ("reception", "approval", "parts", "bay")
LONGEST_WAIT_MIN = 240.0
# More are not asked for: intervals are narrow by then, and a page should not wait for minutes.


@dataclass(frozen=True, slots=True)
class Driver:
    """One thing that may move a score: `step` is the amount in the column's unit that its change is told for."""

    name: str
    title: Bilingual
    per: Bilingual
    step: float
    text: Bilingual


_TEN_MIN = Bilingual("每 10 分钟", "per 10 min")
_YES = Bilingual("是对比否", "yes against no")

DRIVERS: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver(
            "wait",
            Bilingual("等待", "Wait"),
            _TEN_MIN,
            10.0,
            Bilingual("等待分钟数（接待+审批+配件+工位）", "minutes of waiting (reception + approval + parts + bay)"),
        ),
        *(
            Driver(f"wait_{cause}", Bilingual(f"等待：{zh}", f"Wait: {cause}"), _TEN_MIN, 10.0, Bilingual(*text))
            for cause, zh, text in (
                ("reception", "接待", ("等待接待的分钟数", "minutes until somebody began on the car")),
                (
                    "approval",
                    "报价审批",
                    ("等待客户审批报价的分钟数", "minutes a quote waited for the customer's answer"),
                ),
                ("parts", "配件", ("等待配件的分钟数", "minutes in which a part request was open")),
                (
                    "bay",
                    "工位",
                    ("等待工位、技师或检验的分钟数", "minutes of waiting for bay, technician or inspector"),
                ),
            )
        ),
        Driver(
            "not_fixed",
            Bilingual("未一次修复", "Not fixed first time"),
            _YES,
            1.0,
            Bilingual(
                "一次修复为否；仅限交车已满 30 天的工单",
                "first-time fix is false; known only for orders handed off more than 30 days ago",
            ),
        ),
        Driver(
            "stockout",
            Bilingual("缺件", "Stock-out"),
            _YES,
            1.0,
            Bilingual("至少一个配件请求曾缺货", "at least one part request had a backordered phase"),
        ),
        Driver(
            "updates",
            Bilingual("进度通知次数", "Progress updates"),
            Bilingual("每次通知", "per update"),
            1.0,
            Bilingual("到店事件去重后的个数减一", "distinct check-in events of the order less one"),
        ),
        Driver(
            "promise_broken",
            Bilingual("未按承诺时间", "Promise not kept"),
            _YES,
            1.0,
            Bilingual("完工晚于承诺时间；两者都有时才可知", "ready after the promised time; known where both are"),
        ),
        Driver(
            "price_over_quote",
            Bilingual("结算高于报价", "Price over quote"),
            Bilingual("每高 10%", "per 10 % over"),
            0.1,
            Bilingual(
                "（结算 − 批准金额）/ 批准金额，低于批准为负；两者都有时才可知",
                "(final - approved amount) / approved amount, negative below it; known where both are",
            ),
        ),
    )
}
NAMES: dict[str, Bilingual] = {name: driver.title for name, driver in DRIVERS.items()}
# What stands in a model together; the four waits stand in for the whole one in a model of their own.
JOINT = ("wait", "not_fixed", "stockout", "updates", "promise_broken", "price_over_quote")
BY_CAUSE = (*(f"wait_{cause}" for cause in CAUSES), *JOINT[1:])
MARKS = {"price_over_quote": "no_quote", "promise_broken": "not_ready"}
CONTROLS = ("center_id", "lane", "fault_origin")


def ask_visits(ask: Ask, options: Options) -> tuple[pd.DataFrame, int]:
    """(the visits that the options are about, as `visits` gives them; of one in how many vehicles they are)."""
    zone = options.targets.time_zone
    handed_off = int(ask("span", time_zone=zone)["handed_off"].iloc[0])
    one_in = one_vehicle_in(handed_off, MOST_ORDERS)
    answer = ask("drivers", since=options.since, until=options.until, time_zone=zone, end_key=end_key(one_in))
    return visits(answer, options.now), one_in


def visits(orders: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """One row per handed-off order: score, a column per driver (NaN where it is not known), and what to adjust for.

    Waits are minutes, price_over_quote is a share, conditions are 0 and 1. First-time fix is known once 30 days have
    passed since the handoff, whether it was one or not: taking failures earlier than successes would make it look bad.
    """
    certain = orders["closed_at"] + CERTAIN_AFTER < pd.Timestamp(now)
    both = orders["ready_at"].notna() & orders["promised_at"].notna()
    approved = _number(orders["approved_amount"])
    columns: dict[str, Any] = {
        "score": _number(orders["score"]),
        "wait": _number(orders["wait_s"]) / 60,
        **{f"wait_{cause}": _number(orders[f"wait_{cause}_s"]) / 60 for cause in CAUSES},
        "not_fixed": (1 - _number(orders["ftf"])).where(certain),
        "stockout": (_number(orders["stockouts"]) > 0).astype(float),
        "updates": _updates(orders["check_ins"]),
        "promise_broken": (orders["ready_at"] > orders["promised_at"]).astype(float).where(both),
        # Rounded, so that bills of the same share over their quotes are ties and not 1e-17 apart.
        "price_over_quote": ((_number(orders["final_amount"]) - approved) / approved.where(approved > 0)).round(9),
    }
    return pd.DataFrame({**columns, **{name: orders[name] for name in (*CONTROLS, "region")}}, index=orders.index)


def modelled(rows: pd.DataFrame, names: tuple[str, ...], longest_wait_min: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(the rows with a score in which every driver is known, their drivers in steps) for a model.

    A whole wait longer than `longest_wait_min` counts as that, its causes in proportion. What cannot have gone wrong,
    a price without an approved amount, a promise to a car that never was ready, counts as nothing, and a column of its
    own (MARKS) tells these orders from the others: leaving out cars that never were ready would leave out the worst.
    """
    frame = rows[rows["score"].notna()]
    marks = {mark: frame[name].isna().astype(float) for name, mark in MARKS.items()}
    frame = frame.assign(**{name: frame[name].fillna(0.0) for name in MARKS}, **marks)
    frame = frame.dropna(subset=[*names, "wait"])
    shrink = np.minimum(1.0, longest_wait_min / frame["wait"].where(frame["wait"] > 0, 1.0))
    drivers = pd.DataFrame(
        {name: frame[name] * (shrink if name.startswith("wait") else 1.0) / DRIVERS[name].step for name in names},
        index=frame.index,
    )
    return frame, drivers


def _number(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _updates(check_ins: "pd.Series[Any]") -> "pd.Series[Any]":
    """Check-ins after the first; unknown where even the first one is missing."""
    count = _number(check_ins)
    return (count - 1).where(count >= 1)


def longest_wait_min(options: Options) -> float:
    """The longest wait that counts (min); longer ones count as it: [drivers], by default 240. Raises ExitError."""
    return number_of(
        table_of(options, "drivers", {"longest_wait_min"}), "drivers", "longest_wait_min", LONGEST_WAIT_MIN
    )
