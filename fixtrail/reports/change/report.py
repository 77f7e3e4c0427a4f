"""Report `change`: what changed between two periods, and which centers, lanes and fault groups it came from."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fixtrail.clickhouse.literals import quoted
from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.change.decompose import FigureChange, Piece, change_of, pieces_of
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.periods import ResolvedPeriod, ask_periods, ask_span, days_between
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Column, Report, Sheet
from runtime.failure import USAGE, ExitError

FIGURES = (
    "wait_mean_s", "ftfr", "nps", "stockout_rate", "promise_kept", "quick_lane_in_time", "complaints_per_100",
)  # fmt: skip
# Where no days are asked for.
USUAL_DAYS = 28
TITLE = Bilingual("变化从何而来", "Where a change comes from")
VERDICTS: Mapping[str, Bilingual] = {
    "better": Bilingual("变好", "better"),
    "worse": Bilingual("变差", "worse"),
    "not_distinguishable": Bilingual("无法区分", "not distinguishable"),
}
_DIMENSIONS: Mapping[str, Bilingual] = {
    "center": Bilingual("中心", "center"),
    "lane": Bilingual("通道", "lane"),
    "group": Bilingual("故障类别", "fault groups"),
}
_TITLES: Mapping[str, Bilingual] = {name: DEFINITIONS[name].title for name in FIGURES}
_FIGURE = Column("figure", Bilingual("指标", "Figure"), words=_TITLES)
CHANGES = (
    _FIGURE,
    Column("before", Bilingual("之前", "Before"), "number"),
    Column("after", Bilingual("之后", "After"), "number"),
    Column("change", Bilingual("变化", "FigureChange"), "number"),
    Column("low", Bilingual("下限", "Low"), "number"),
    Column("high", Bilingual("上限", "High"), "number"),
    Column("n_before", Bilingual("之前工单", "Orders before"), "count"),
    Column("n_after", Bilingual("之后工单", "Orders after"), "count"),
    Column("verdict", Bilingual("判断", "Verdict"), words=VERDICTS),
)
PIECES = (
    _FIGURE,
    Column("dimension", Bilingual("按", "By"), words=_DIMENSIONS),
    Column("key", Bilingual("值", "Key")),
    Column("total", Bilingual("贡献", "Adds"), "number"),
    Column("low", Bilingual("下限", "Low"), "number"),
    Column("high", Bilingual("上限", "High"), "number"),
    Column("mix", Bilingual("结构", "By mix"), "number"),
    Column("rate", Bilingual("水平", "By rate"), "number"),
    Column("n_before", Bilingual("之前工单", "Orders before"), "count"),
    Column("n_after", Bilingual("之后工单", "Orders after"), "count"),
    Column("is_named", Bilingual("超出偶然", "Beyond chance")),
    Column("orders", Bilingual("工单查询", "Its orders")),
)
METHODS = (
    Bilingual(
        "变化 = 各单元（中心 × 通道 × 故障组合）之和：结构（占比变化 × 与平均的差）+ 水平（平均占比 × 率的变化），"
        "Kitagawa 1955；每个维度之和等于变化本身",
        "The change is the sum over cells (center by lane by combination of fault groups) of mix (change of share "
        "times distance from the mean) and rate (mean share times change of rate), Kitagawa 1955. The pieces of each "
        "dimension add up to the change itself; dimensions are views of one change, not to be added to each other",
    ),
    Bilingual(
        "95% 区间：delta 法，工单彼此独立。“超出偶然”：对一个指标的全部贡献用 Holm 校正（2.5%）",
        "95 % intervals by the delta method, orders being independent of each other. Beyond chance: by Holm's "
        "procedure at 2.5 % over all pieces of a figure: at most one in twenty periods that differ by chance names any",
    ),
    Bilingual(
        "区间含 0 的变化一律为“无法区分”。单位同指标：时间为秒，比率为 0 至 1",
        "A change whose interval holds 0 is not distinguishable, whatever its sign. Units are those of the figure: "
        "seconds, shares from 0 to 1. It says where a change lies, not why: for causes see reports drivers and pareto",
    ),
)


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse. Raises ExitError where the targets have more than two periods."""
    refuse_cut("change", options)
    before, after = _two_periods(ask, options)
    answers = {
        name: tuple(ask("change", figure=name, **period.parameters(options)) for period in (before, after))
        for name in FIGURES
    }
    changes = {name: change_of(*cells) for name, cells in answers.items()}
    pieces = {name: pieces_of(*cells) for name, cells in answers.items()}
    scope = {**options.scope(), "before": _days(before), "after": _days(after)}
    sheets = (_changes(changes), _pieces(pieces, after, options.targets.time_zone))
    return Report("change", TITLE, REPORTS["change"], scope, (), sheets, (), METHODS, DEFINITIONS)


def _two_periods(ask: Ask, options: Options) -> tuple[ResolvedPeriod, ResolvedPeriod]:
    """The two periods of the targets; else the days asked for, or the last 28, and as many days before them."""
    periods = options.targets.periods
    if len(periods) == 2:
        first, second = ask_periods(ask, options)
        return first, second
    if len(periods) > 2:
        raise ExitError("report change compares two periods, and the targets have more", USAGE)
    until = options.until or ask_span(ask, options.targets.time_zone).last_close or options.now.date()
    since = options.since or until - timedelta(days=USUAL_DAYS - 1)
    days = timedelta(days=days_between(since, until))
    spans = ((since - days, until - days), (since, until))
    pair = tuple(
        replace(periods[0], name=name, since=first_day, until=last_day, last_days=None)
        for name, (first_day, last_day) in zip(("before", "after"), spans, strict=True)
    )
    targets = replace(options.targets, periods=pair)
    first, second = ask_periods(ask, replace(options, since=None, until=None, targets=targets))
    return first, second


def _days(period: ResolvedPeriod) -> str:
    return f"{period.since or ''}..{period.until or ''}"


def _changes(changes: Mapping[str, FigureChange]) -> Sheet:
    rows = tuple(
        {
            "figure": name,
            "before": change.before,
            "after": change.after,
            "change": change.value,
            **change.interval.cells(),
            "n_before": change.n_before,
            "n_after": change.n_after,
            "verdict": change.verdict(DEFINITIONS[name].better),
        }
        for name, change in changes.items()
    )
    return Sheet("changes", Bilingual("变化", "Changes"), CHANGES, rows)


def _pieces(pieces: Mapping[str, list[Piece]], after: ResolvedPeriod, zone: str) -> Sheet:
    """All pieces, those beyond chance first, then by size within each figure."""
    rows = [_row(name, piece, after, zone) for name, of_figure in pieces.items() for piece in of_figure]
    note = Bilingual("“工单查询”可交给 fixtrail sql", "Its orders: a query for `fixtrail sql`")
    ranked = sorted(rows, key=lambda row: not row["is_named"])
    return Sheet("pieces", Bilingual("贡献", "What adds to them"), PIECES, tuple(ranked), note, shown=20)


def _row(figure: str, piece: Piece, after: ResolvedPeriod, zone: str) -> dict[str, Any]:
    return {
        "figure": figure,
        "dimension": piece.dimension,
        "key": piece.key,
        "total": piece.total,
        **piece.interval.cells(),
        "mix": piece.mix,
        "rate": piece.rate,
        "n_before": piece.n_before,
        "n_after": piece.n_after,
        "is_named": piece.is_named,
        "orders": orders_query(piece, after, zone) if piece.is_named else None,
    }


def orders_query(piece: Piece, after: ResolvedPeriod, zone: str) -> str:
    """SQL for the orders behind a piece, the longest waits first."""
    return (
        "SELECT center_id, order_id, lane, fault_groups, wait_s, ftf, score, stockouts, complaints, closed_at "
        f"FROM orders WHERE {' AND '.join(_conditions(piece, after, zone))} ORDER BY wait_s DESC LIMIT 100"
    )


def _conditions(piece: Piece, after: ResolvedPeriod, zone: str) -> Iterator[str]:
    column = {
        "center": "center_id",
        "lane": "ifNull(lane, '')",
        "group": "arrayStringConcat(arraySort(arrayMap(name -> toString(name), fault_groups)), '+')",
    }[piece.dimension]
    yield "status != 'open'"
    yield f"{column} = {quoted(piece.key)}"
    if after.since:
        yield f"toDate(closed_at, {quoted(zone)}) >= '{after.since}'"
    if after.until:
        yield f"toDate(closed_at, {quoted(zone)}) <= '{after.until}'"
