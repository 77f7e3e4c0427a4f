"""The tables and the picture of report `procedures`: by procedure, step and center, and the orders that deviate."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from fixtrail.procedures.judgement import KINDS
from fixtrail.reports.procedures.judged import JudgedOrder, difference_of
from fixtrail.reports.procedures.words import KIND_WORDS
from fixtrail.reports.report import Bilingual, Chart, Column, Locale, Picture, Sheet, sheet_of
from fixtrail.reports.stats import intervals

_PROCEDURE = Column("procedure", Bilingual("流程", "procedure"))
_CENTER = Column("center_id", Bilingual("服务中心", "center"))
_CONFORMING = (
    Column("orders", Bilingual("工单", "orders"), "count"),
    Column("conforming", Bilingual("按流程", "followed"), "count"),
    Column("share", Bilingual("占比", "share"), "share"),
    *Column.bounds("share"),
    *(Column(kind, KIND_WORDS[kind], "count") for kind in KINDS),
)
_DIFFERENCE = (
    Column("matched", Bilingual("可比工单", "matched"), "count"),
    Column("difference", Bilingual("一次修复率之差", "first-time fix, difference"), "points"),
    Column("difference_low", Bilingual("下限", "low"), "points"),
    Column("difference_high", Bilingual("上限", "high"), "points"),
)
_STEPS = (
    _PROCEDURE,
    Column("step", Bilingual("步骤", "step")),
    Column("kind", Bilingual("偏差", "deviation"), words=KIND_WORDS),
    Column("count", Bilingual("工单", "orders"), "count"),
    Column("share", Bilingual("占比", "share"), "share"),
)
_ORDERS = (
    _CENTER,
    Column("order_id", Bilingual("工单", "order")),
    _PROCEDURE,
    Column("deviations", Bilingual("偏差", "deviations")),
)


def sheets_of(orders: Sequence[JudgedOrder]) -> tuple[Sheet, ...]:
    return (
        sheet_of(
            "procedures",
            Bilingual("按流程", "By procedure"),
            (_PROCEDURE, *_CONFORMING, *_DIFFERENCE),
            _rows(orders, "procedure"),
        ),
        sheet_of("steps", Bilingual("偏差最多的步骤", "Deviations by step"), _STEPS, list(_step_rows(orders))),
        sheet_of(
            "centers",
            Bilingual("按服务中心", "By center"),
            (_CENTER, *_CONFORMING, *_DIFFERENCE),
            _rows(orders, "center_id"),
        ),
        sheet_of(
            "orders", Bilingual("有偏差的工单", "Orders with a deviation"), _ORDERS, list(_order_rows(orders)), shown=0
        ),
    )


def _key(order: JudgedOrder, by: str) -> str:
    return order.procedure.name if by == "procedure" else order.center_id


def _rows(orders: Sequence[JudgedOrder], by: str) -> list[dict[str, Any]]:
    rows = []
    for key in sorted({_key(order, by) for order in orders}):
        own = [order for order in orders if _key(order, by) == key]
        count = sum(order.judgement.conforms for order in own)
        matched = difference_of(order for order in own if order.ftf is not None)
        rows.append(
            {
                by: key,
                "orders": len(own),
                "conforming": count,
                "share": count / len(own),
                **intervals.share(count, len(own)).cells(),
                **{str(kind): sum(order.has(kind) for order in own) for kind in KINDS},
                "matched": matched.n,
                "difference": matched.difference,
                "difference_low": matched.interval.low,
                "difference_high": matched.interval.high,
            }
        )
    return rows


def _step_rows(orders: Sequence[JudgedOrder]) -> Iterator[dict[str, Any]]:
    """How many orders of a procedure deviated at a step in a way, the most first."""
    sizes = Counter(order.procedure.name for order in orders)
    counts = Counter(
        (order.procedure.name, step, kind)
        for order in orders
        for kind, step in {(deviation.kind, deviation.step) for deviation in order.judgement.deviations}
    )
    for (procedure, step, kind), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield {"procedure": procedure, "step": step, "kind": kind, "count": count, "share": count / sizes[procedure]}


def _order_rows(orders: Sequence[JudgedOrder]) -> Iterator[dict[str, Any]]:
    for order in orders:
        if not order.judgement.conforms:
            yield {
                "center_id": order.center_id,
                "order_id": order.order_id,
                "procedure": order.procedure.name,
                "deviations": [f"{deviation.kind}: {deviation.step}" for deviation in order.judgement.deviations],
            }


def charts_of(orders: Sequence[JudgedOrder]) -> tuple[Chart, ...]:
    """The share that followed each procedure."""
    rows = _rows(orders, "procedure")[:40]
    title = Bilingual("按流程作业的工单", "Orders that followed their procedure")
    return (Chart("procedures", title, "procedures", partial(_draw, rows)),) if rows else ()


def _draw(rows: Sequence[Mapping[str, Any]], locale: Locale) -> Picture:
    """A bar for each procedure with its interval."""
    from fixtrail.reports.forms.pictures import COLOURS, INK, picture

    drawing, axes = picture(8.0, max(2.5, 0.9 + 0.3 * len(rows)))
    for number, row in enumerate(rows):
        axes.barh(number, 100 * row["share"], color=COLOURS[0], height=0.55)
        axes.plot([100 * row["low"], 100 * row["high"]], [number, number], color=INK, linewidth=2)
    axes.set_yticks(range(len(rows)), [f"{row['procedure']} ({row['orders']})" for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel({"zh-CN": "按流程作业 %，括号内为工单数", "en": "followed, %; in brackets orders"}[locale])
    return drawing
