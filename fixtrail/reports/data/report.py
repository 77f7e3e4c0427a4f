"""Data quality: what each source and center sends, what is wrong with it, and which figures it is good enough for."""

from typing import Any, NamedTuple

import pandas as pd

from fixtrail.reports.data import words
from fixtrail.reports.data.optional_fields import optional_fields
from fixtrail.reports.data.rules import GO, NOTE, STOP, rules
from fixtrail.reports.data.volume import with_usual
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Column, Definition, Figure, Report, sheet_of
from fixtrail.reports.stats import intervals

_OF_EVENTS = ("duplicates", "conflicts", "late", "ahead")
_OF_ORDERS = (
    *("no_check_in", "never_closed", "negative_gap", "activity_after_close", "vehicle_changed"),
    *("repair_short", "repair_long", "quote_odd"),
)
_OF_PHASES = (
    *("repair_without_start", "repair_without_end", "diagnosis_without_start", "part_without_request"),
    *("handoff_without_repair", "typed_in_afterwards"),
)
_SEVERITY = {STOP: 0, NOTE: 1, GO: 2}
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


class Frames(NamedTuple):
    """What the report is made of: the answers of the data_* queries, or the same of a file (sending/profile.py)."""

    arrivals: pd.DataFrame
    fields: pd.DataFrame
    orders: pd.DataFrame
    phases: pd.DataFrame
    days: pd.DataFrame
    letters: pd.DataFrame


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse."""
    refuse_cut("data", options)
    asked = {
        "source": options.source,
        "center": options.center,
        "since": options.since.isoformat() if options.since else "",
        "until": options.until.isoformat() if options.until else "",
        "time_zone": options.targets.time_zone,
        **rules().bounds.model_dump(),
    }
    names = ("arrivals", "fields", "orders", "phases", "days", "dead_letters")
    return report_of(Frames(*(ask(f"data_{name}", **asked) for name in names)), options)


def report_of(frames: Frames, options: Options) -> Report:
    """The report from its frames."""
    arrivals = frames.arrivals.assign(duplicates=frames.arrivals["arrivals"] - frames.arrivals["events"])
    flaws = pd.DataFrame(_flaws(frames._replace(arrivals=arrivals)), columns=[c.name for c in words.FLAW_COLUMNS])
    # The gravest first: what is not counted, and then what is furthest beyond its limit.
    grade, beyond = flaws["grade"].map(_SEVERITY), -flaws["value"].abs() / flaws["note_above"]
    flaws = flaws.assign(order=grade, beyond=beyond).sort_values(["order", "beyond"], kind="stable", ignore_index=True)
    usable = pd.DataFrame(_usable(frames.orders), columns=[column.name for column in words.USABLE_COLUMNS])
    sheets = (
        sheet_of("verdicts", Bilingual("结论", "Verdicts"), _VERDICT_COLUMNS, _verdicts(flaws, usable)),
        sheet_of("flaws", Bilingual("问题", "Flaws"), words.FLAW_COLUMNS, flaws[flaws["grade"] != GO]),
        sheet_of("usable", Bilingual("各指标可用工单", "Usable orders of each figure"), words.USABLE_COLUMNS, usable),
        sheet_of("arrivals", Bilingual("到达", "Arrivals"), words.ARRIVAL_COLUMNS, arrivals),
        sheet_of(
            "fields", Bilingual("可选字段", "Optional fields"), words.FIELD_COLUMNS, optional_fields(frames.fields)
        ),
        sheet_of("days", Bilingual("日量", "Volume by day"), words.DAY_COLUMNS, with_usual(frames.days)),
        sheet_of("dead_letters", Bilingual("被拒收", "Dead letters"), words.LETTER_COLUMNS, frames.letters),
        sheet_of("all_rules", Bilingual("全部规则", "All rules"), words.FLAW_COLUMNS, flaws, shown=0),
    )
    scope = {**options.scope(), "source": options.source or None, "center": options.center or None}
    figures = _figures(flaws)
    return Report("data", words.TITLE, words.QUESTION, scope, figures, sheets, (), words.METHODS, DEFINITIONS)


def _figures(flaws: pd.DataFrame) -> tuple[Figure, ...]:
    """The share of each flaw over all centers and sources, whatever its grade."""
    sums = flaws[flaws["flaw"] != "clock"].groupby("flaw", sort=False)[["count", "of"]].sum()
    return tuple(_share(str(name), int(row["count"]), int(row["of"])) for name, row in sums.sort_index().iterrows())


def _share(name: str, count: int, n: int) -> Figure:
    return Figure(name, count / n if n else None, n, n, intervals.share(count, n), count, method=intervals.WILSON)


def _flaws(frames: Frames) -> list[dict[str, Any]]:
    """Every rule for every center (and source, where events tell it)."""
    rows = []
    sums = frames.arrivals.groupby(["source", "center_id"], as_index=False)
    totals = sums.agg(dict.fromkeys(("arrivals", *_OF_EVENTS), "sum") | {"skew_s": "min"})
    for each in totals.to_dict("records"):
        rows += [_flaw(name, each["center_id"], each["source"], each[name], each["arrivals"]) for name in _OF_EVENTS]
        rows += _clock(each)
    for frame, names in ((frames.orders, _OF_ORDERS), (frames.phases, _OF_PHASES)):
        for each in frame.to_dict("records"):
            rows += [_flaw(name, each["center_id"], "", each[name], each["orders"]) for name in names]
    arrived = frames.arrivals.groupby(["source", "center_id"])["arrivals"].sum().to_dict()
    letters = frames.letters.groupby(["source", "center_id"], as_index=False)["letters"].sum()
    for each in letters.to_dict("records"):
        key = (each["source"], each["center_id"])
        rows.append(_flaw("dead_letters", key[1], key[0], each["letters"], each["letters"] + arrived.get(key, 0)))
    return rows


def _flaw(name: str, center: str, source: str, count: float, of: float) -> dict[str, Any]:
    limits, share = rules().shares[name], count / of if of else 0.0
    grade = limits.grade(share)
    return {
        **{"grade": grade, "center_id": center, "source": source, "flaw": name, "count": int(count), "of": int(of)},
        **{"value": share, "note_above": limits.note, "stop_above": limits.stop},
    }


def _clock(totals: dict[str, Any]) -> list[dict[str, Any]]:
    """The clock that is ahead shows; one that is slow cannot be told from a slow way, so only the first is graded."""
    skew = totals["skew_s"]
    if skew is None or pd.isna(skew):
        return []
    limits = rules().seconds["clock"]
    ahead = max(0.0, -float(skew))
    row = {"grade": limits.grade(ahead), "center_id": totals["center_id"], "source": totals["source"]}
    row |= {"flaw": "clock", "count": int(totals["ahead"]), "of": int(totals["arrivals"]), "value": float(skew)}
    return [{**row, "note_above": limits.note, "stop_above": limits.stop}]


def _usable(orders: pd.DataFrame) -> list[dict[str, Any]]:
    """Of the handed-off orders of each center those that each headline figure can use, and why it lost the others."""
    rows = []
    for each in orders.to_dict("records"):
        n_all = int(each["handed_off"])
        for figure, reasons in words.LOST.items():
            lost = sum(int(each[reason]) for reason in reasons)
            share = (n_all - lost) / n_all if n_all else None
            grade = GO if share is None else rules().usable[figure].grade_of_least(share)
            for reason in reasons:
                row = {"center_id": each["center_id"], "figure": figure, "grade": grade, "n": n_all - lost}
                rows.append({**row, "n_all": n_all, "share": share, "reason": reason, "lost": int(each[reason])})
    return rows


_VERDICT_COLUMNS = (
    words.CENTER,
    words.GRADE,
    Column("stops", Bilingual("不可计入的原因", "why not counted")),
    Column("notes", Bilingual("说明", "notes")),
)


def _verdicts(flaws: pd.DataFrame, usable: pd.DataFrame) -> pd.DataFrame:
    """Each center's worst grade, with the flaws behind it; figures that lack orders are a note."""
    rows = []
    for center in sorted({*flaws["center_id"], *usable["center_id"]} - {""}):
        own = flaws[flaws["center_id"] == center]
        stops = list(dict.fromkeys(own[own["grade"] == STOP]["flaw"]))
        notes = list(dict.fromkeys(own[own["grade"] == NOTE]["flaw"]))
        poor = usable[(usable["center_id"] == center) & (usable["grade"] != GO)]
        notes += [f"usable: {figure}" for figure in dict.fromkeys(poor["figure"])]
        grade = STOP if stops else NOTE if notes else GO
        rows.append({"center_id": center, "grade": grade, "stops": ", ".join(stops), "notes": ", ".join(notes)})
    return pd.DataFrame(rows, columns=["center_id", "grade", "stops", "notes"])
