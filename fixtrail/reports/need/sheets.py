"""The tables of report `need`: by center, by weekday and half hour, each half hour, arrivals and work."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from fixtrail.reports.need.figures import SLOT_H, is_foreseen
from fixtrail.reports.need.words import GROUP_WORDS, ROLE_WORDS, WEEKDAYS
from fixtrail.reports.report import Bilingual, Chart, Column, Locale, Picture, Sheet, plain, sheet_of

_CENTER = Column("center_id", Bilingual("服务中心", "center"))
_ROLE = Column("role", Bilingual("岗位", "role"), words=ROLE_WORDS)
_PEOPLE = (
    Column("required", Bilingual("需要", "required"), "number"),
    Column("rostered", Bilingual("排班", "rostered"), "number"),
    Column("working", Bilingual("作业中", "working"), "number"),
)
_WAITED = Column("waited_s", Bilingual("客户等待", "customers waited"), "minutes")
_CENTERS = (
    _CENTER,
    _ROLE,
    Column("required_h", Bilingual("需要（人时）", "required, h"), "number"),
    Column("rostered_h", Bilingual("排班（人时）", "rostered, h"), "number"),
    Column("working_h", Bilingual("作业（人时）", "working, h"), "number"),
    Column("under_h", Bilingual("不足（人时）", "too few, h"), "number"),
    Column("over_h", Bilingual("富余（人时）", "too many, h"), "number"),
    _WAITED,
    Column("waited_below_s", Bilingual("人手不足时的等待", "waited below need"), "minutes"),
)
_WEEKDAY_COLUMNS = (
    _CENTER,
    _ROLE,
    Column("weekday", Bilingual("星期", "weekday"), words=WEEKDAYS),
    Column("time", Bilingual("时段", "from")),
    Column("expected", Bilingual("预计到店", "check-ins expected"), "number"),
    *_PEOPLE,
    Column("too_long", Bilingual("等待超时", "wait too long"), "share"),
    _WAITED,
)
_SLOTS = (
    _CENTER,
    _ROLE,
    Column("day", Bilingual("日", "day")),
    Column("time", Bilingual("时段", "from")),
    Column("expected", Bilingual("预计到店", "check-ins expected"), "number"),
    Column("came", Bilingual("实际到店", "came"), "count"),
    Column("erlang", Bilingual("Erlang-C", "by Erlang's C"), "count"),
    *_PEOPLE,
    Column("too_long", Bilingual("等待超时", "wait too long"), "share"),
    _WAITED,
    Column("starts", Bilingual("开始（含时区）", "starts, with time zone")),
)
_DAYS = (
    _CENTER,
    Column("day", Bilingual("日", "day")),
    Column("expected", Bilingual("预计到店", "check-ins expected"), "number"),
    Column("came", Bilingual("实际到店", "came"), "count"),
    Column("foreseen", Bilingual("命中", "foreseen")),
)
_CONTENT = (
    _CENTER,
    Column(
        "lane",
        Bilingual("通道", "lane"),
        words={"quick": Bilingual("快修", "quick"), "standard": Bilingual("标准", "standard")},
    ),
    Column("group", Bilingual("作业", "work"), words=GROUP_WORDS),
    Column("cars", Bilingual("车辆", "cars"), "count"),
    Column("jobs_per_car", Bilingual("每车作业数", "jobs a car"), "number"),
    Column("job_s", Bilingual("每项作业", "a job takes"), "minutes"),
    Column("car_s", Bilingual("每车作业量", "a car takes"), "minutes"),
)


def sheets_of(slots: pd.DataFrame, days: pd.DataFrame, content: pd.DataFrame) -> tuple[Sheet, ...]:
    every = Bilingual("每个半小时：见 CSV 与 JSON", "each half hour: in CSV and JSON")
    foreseen = [
        None if pd.isna(expected) or pd.isna(arrived) else is_foreseen(expected, arrived)
        for expected, arrived in zip(days["expected"], days["came"], strict=True)
    ]
    return (
        sheet_of("centers", Bilingual("按服务中心", "By center"), _CENTERS, by_center(slots)),
        sheet_of(
            "weekdays",
            Bilingual("平均每个半小时，按星期", "The average half hour by weekday"),
            _WEEKDAY_COLUMNS,
            by_weekday(slots),
            every,
        ),
        sheet_of("slots", Bilingual("每个半小时", "Each half hour"), _SLOTS, slots, shown=0),
        sheet_of(
            "days",
            Bilingual("到店：预计与实际", "Check-ins: expected, and those that came"),
            _DAYS,
            days.assign(foreseen=foreseen),
            shown=14,
        ),
        sheet_of("content", Bilingual("每车的工作量", "Work a car brings"), _CONTENT, content),
    )


def by_center(slots: pd.DataFrame) -> pd.DataFrame:
    """Hours by center and role; empty where something is not known of any half hour."""
    gap = slots["required"] - slots["rostered"]
    frame = slots.assign(
        required_h=slots["required"] * SLOT_H,
        rostered_h=slots["rostered"] * SLOT_H,
        working_h=slots["working"] * SLOT_H,
        under_h=gap.clip(lower=0) * SLOT_H,
        over_h=(-gap).clip(lower=0) * SLOT_H,
        waited_below_s=slots["waited_s"].where(gap > 0, 0.0).where(gap.notna() & slots["waited_s"].notna()),
    )
    names = [column.name for column in _CENTERS[2:]]
    return frame.groupby(["center_id", "role"], sort=True)[names].sum(min_count=1).reset_index()


def by_weekday(slots: pd.DataFrame) -> pd.DataFrame:
    """The mean of each half hour of a weekday."""
    names = ["expected", "required", "rostered", "working", "too_long", "waited_s"]
    frame = slots.groupby(["center_id", "role", "weekday", "time"], sort=True)[names].mean().reset_index()
    return frame.assign(weekday=frame["weekday"].astype(str))


def charts_of(slots: pd.DataFrame) -> tuple[Chart, ...]:
    """The average day of all centers together, for technicians."""
    rows = slots[(slots["role"] == "technician") & slots["required"].notna()]
    if not len(rows):
        return ()
    names = ["required", "rostered", "working"]
    per_day = rows.groupby("time", sort=True)[names].mean()
    table: list[dict[str, Any]] = [
        {"time": str(time), **{name: plain(row[name]) for name in names}} for time, row in per_day.iterrows()
    ]
    title = Bilingual(
        "技师：需要、排班、作业中（每中心平均）", "Technicians needed, rostered and at work, mean of centers"
    )
    return (Chart("need", title, "weekdays", partial(draw_need, table)),)


_LINES = (
    ("required", Bilingual("需要", "required")),
    ("rostered", Bilingual("排班", "rostered")),
    ("working", Bilingual("作业中", "working")),
)


def draw_need(rows: Sequence[Mapping[str, Any]], locale: Locale) -> Picture:
    """A step line each for people required, rostered and at work; a line of which nothing is known is not drawn."""
    from fixtrail.reports.forms.pictures import COLOURS, picture

    drawing, axes = picture(9.0, 4.2)
    for (name, title), colour in zip(_LINES, (COLOURS[1], COLOURS[0], COLOURS[2]), strict=True):
        values = [float("nan") if row[name] is None else row[name] for row in rows]
        if any(row[name] is not None for row in rows):
            axes.step(range(len(rows)), values, where="post", color=colour, label=title.in_locale(locale), linewidth=2)
    axes.set_xticks(range(0, len(rows), 2), [row["time"] for row in rows[::2]], fontsize=8)
    axes.set_ylim(bottom=0)
    axes.set_ylabel({"zh-CN": "人数", "en": "people"}[locale])
    axes.legend(frameon=False)
    return drawing
