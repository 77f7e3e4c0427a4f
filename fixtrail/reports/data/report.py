"""Data quality: what each source and center sends, what is wrong with it, and which figures it is good enough for."""

from typing import Any

import pandas as pd

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.data import words
from fixtrail.reports.data.fields import optional_fields
from fixtrail.reports.data.flaws import ID_COLUMNS, Frames, flaws_of
from fixtrail.reports.data.rules import GO, NOTE, STOP, UNKNOWN, rules
from fixtrail.reports.data.volume import with_usual
from fixtrail.reports.eta.visits import centers_of
from fixtrail.reports.figure_kinds import share_figure
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Definition, Figure, Report, Sheet, sheet_of
from fixtrail.reports.sample import MOST_ORDERS, end_key, one_vehicle_in

# Of more orders only those of one vehicle in so many are looked at: their events are soon read.
_SEVERITY = {STOP: 0, NOTE: 1, GO: 2}
_QUERIES = {
    **{
        name: name
        for name in ("arrivals", "fields", "orders", "phases", "days", "odometers", "hours", "clock", "day_hours")
    },
    "letters": "dead_letters",
}
DEFINITIONS = {
    name: Definition(
        title,
        Bilingual(f"{title.zh}的占比", f"Share of {title.en}, of the events or orders that could be"),
        "share",
        "lower",
    )
    for name, title in words.FLAWS.items()
    if name != "clock"
}


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("data", options)
    parameters = {
        "source": options.source,
        "center": options.center,
        "since": options.since.isoformat() if options.since else "",
        "until": options.until.isoformat() if options.until else "",
        "time_zone": options.targets.time_zone,
        "clock_s": rules().seconds["clock"].note,
        "scores": rules().least.scores,
        **rules().bounds.model_dump(),
    }
    one_in = one_vehicle_in(int(ask("data_size", **parameters).iloc[0]["orders"]), MOST_ORDERS)
    parameters["end_key"] = end_key(one_in)
    answers = {frame: ask(f"data_{query}", **parameters) for frame, query in _QUERIES.items()}
    centers = centers_of(ask("centers"))[0]
    return report_of(Frames(**answers, ids=pd.DataFrame(columns=ID_COLUMNS), centers=centers), options, one_in)


def report_of(frames: Frames, options: Options, one_in: int = 1) -> Report:
    """The report from its frames, which are those of one vehicle in `one_in`."""
    arrivals = frames.arrivals.assign(duplicates=frames.arrivals["arrivals"] - frames.arrivals["events"])
    frames = frames._replace(arrivals=arrivals, days=with_usual(frames.days), fields=optional_fields(frames.fields))
    flaws = _gravest_first(pd.DataFrame(flaws_of(frames), columns=[column.name for column in words.FLAW_COLUMNS]))
    usable = pd.DataFrame(_usable(frames.orders), columns=[column.name for column in words.USABLE_COLUMNS])
    scope = {**options.scope(), "source": options.source or None, "center": options.center or None}
    return Report(
        "data",
        words.TITLE,
        REPORTS["data"],
        {**scope, "one_vehicle_in": one_in},
        _figures(flaws),
        _sheets(frames, flaws, usable),
        (),
        words.METHODS,
        DEFINITIONS,
    )


def _gravest_first(flaws: pd.DataFrame) -> pd.DataFrame:
    """Sorts flaws: first those that exclude the data, then those furthest beyond their limit."""
    grade, beyond = flaws["grade"].map(_SEVERITY), -flaws["value"].abs() / flaws["note_above"]
    return flaws.assign(order=grade, beyond=beyond).sort_values(["order", "beyond"], kind="stable", ignore_index=True)


def _sheets(frames: Frames, flaws: pd.DataFrame, usable: pd.DataFrame) -> tuple[Sheet, ...]:
    verdicts = _verdicts(flaws, usable, frames.orders)
    return (
        sheet_of("verdicts", Bilingual("结论", "Verdicts"), words.VERDICT_COLUMNS, verdicts),
        sheet_of("flaws", Bilingual("问题", "Flaws"), words.FLAW_COLUMNS, flaws[flaws["grade"] != GO]),
        sheet_of("usable", Bilingual("各指标可用工单", "Usable orders of each figure"), words.USABLE_COLUMNS, usable),
        sheet_of("arrivals", Bilingual("到达", "Arrivals"), words.ARRIVAL_COLUMNS, frames.arrivals),
        sheet_of("clock", Bilingual("逐小时时钟", "Clock by hour"), words.CLOCK_COLUMNS, frames.clock),
        sheet_of(
            "wrong_hours",
            Bilingual("时钟偏差最大的小时", "Hours whose clock is furthest off"),
            words.HOUR_COLUMNS,
            _wrong_hours(frames.clock),
            shown=20,
        ),
        sheet_of("fields", Bilingual("可选字段", "Optional fields"), words.FIELD_COLUMNS, frames.fields),
        sheet_of("days", Bilingual("日量", "Volume by day"), words.DAY_COLUMNS, frames.days),
        sheet_of("dead_letters", Bilingual("被拒收", "Dead letters"), words.LETTER_COLUMNS, frames.letters),
        sheet_of("all_rules", Bilingual("全部规则", "All rules"), words.FLAW_COLUMNS, flaws, shown=0),
    )


def _wrong_hours(clock: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {"source": row["source"], "center_id": row["center_id"], "hour": hour, "arrivals": arrivals, "clock_s": clock_s}
        for row in clock.to_dict("records")
        for hour, arrivals, clock_s in row["wrong"]
    ]
    return pd.DataFrame(rows, columns=[column.name for column in words.HOUR_COLUMNS])


def _figures(flaws: pd.DataFrame) -> tuple[Figure, ...]:
    """The share of each flaw over all centers and sources, whatever its grade."""
    sums = flaws[flaws["flaw"] != "clock"].groupby("flaw", sort=False)[["count", "of"]].sum()
    return tuple(
        share_figure(str(name), int(row["count"]), int(row["of"]), int(row["of"]), {})
        for name, row in sums.sort_index().iterrows()
    )


def _usable(orders: pd.DataFrame) -> list[dict[str, Any]]:
    """By center and headline figure: how many handed-off orders it can use, and why it cannot use the others."""
    return [
        row
        for center in orders.to_dict("records")
        for figure, reasons in words.LOST.items()
        for row in _usable_for(figure, reasons, center)
    ]


def _usable_for(figure: str, reasons: tuple[str, ...], center: dict[str, Any]) -> list[dict[str, Any]]:
    n_all = int(center["handed_off"])
    n = n_all - sum(int(center[reason]) for reason in reasons)
    share = n / n_all if n_all else None
    grade = UNKNOWN if share is None else rules().usable[figure].grade_of_least(share)
    row = {"center_id": center["center_id"], "figure": figure, "grade": grade, "n": n, "n_all": n_all, "share": share}
    return [{**row, "reason": reason, "lost": int(center[reason])} for reason in reasons]


def _verdicts(flaws: pd.DataFrame, usable: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Each center's worst grade, with the flaws behind it; figures that lack orders are a note."""
    counts = dict(zip(orders["center_id"], orders["orders"], strict=True))
    rows = []
    for center in sorted({*flaws["center_id"], *usable["center_id"]} - {""}):
        own = flaws[flaws["center_id"] == center]
        stops = list(dict.fromkeys(own[own["grade"] == STOP]["flaw"]))
        notes = list(dict.fromkeys(own[own["grade"] == NOTE]["flaw"]))
        poor = usable[(usable["center_id"] == center) & usable["grade"].isin((NOTE, STOP))]
        notes += [f"usable: {figure}" for figure in dict.fromkeys(poor["figure"])]
        row = {
            "center_id": center,
            "grade": _grade(stops, notes, counts.get(center, 0)),
            "orders": counts.get(center, 0),
        }
        rows.append({**row, "stops": ", ".join(stops), "notes": ", ".join(notes)})
    return pd.DataFrame(rows, columns=[column.name for column in words.VERDICT_COLUMNS])


def _grade(stops: list[str], notes: list[str], orders: int) -> str:
    """The grade of a source. With too few records it is unknown, even where nothing is wrong."""
    if stops:
        return STOP
    if orders < rules().least.orders:
        return UNKNOWN
    return NOTE if notes else GO
