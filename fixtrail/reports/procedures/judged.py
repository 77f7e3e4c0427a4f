"""The orders of report `procedures` with their judgements, and the figures made of them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fixtrail.procedures.file import Procedure, Procedures
from fixtrail.procedures.judgement import ProcedureJudgement, WorkEvent, judge
from fixtrail.reports.figure_kinds import difference_figure, share_of_rows
from fixtrail.reports.report import Figure
from fixtrail.reports.stats.matched import MatchedDifference, Outcome, matched_difference


@dataclass(frozen=True, slots=True)
class JudgedOrder:
    """One handed-off order that has a procedure, beside it."""

    center_id: str
    order_id: str
    groups: tuple[str, ...]
    procedure: Procedure
    judgement: ProcedureJudgement
    ftf: bool | None

    def has(self, kind: str) -> bool:
        return any(deviation.kind == kind for deviation in self.judgement.deviations)


@dataclass(frozen=True, slots=True)
class Judged:
    """All orders with a procedure, of `n_all` handed off; why the others are left out."""

    orders: tuple[JudgedOrder, ...]
    n_all: int
    left_out: dict[str, int]


def judge_orders(frame: pd.DataFrame, procedures: Procedures) -> Judged:
    """The orders of query procedures, beside these procedures."""
    orders, left_out = [], {"no_check_in": 0, "no_procedure": 0, "no_steps": 0}
    for row in frame.to_dict("records"):
        groups = [str(group) for group in row["fault_groups"]]
        procedure = procedures.of(groups)
        reason, events = _events(row, procedure)
        if procedure is None or reason is not None:
            left_out[reason or "no_procedure"] += 1
            continue
        judgement = judge(procedure, events, float(row["planned_hours"] or 0.0) or None)
        ftf = None if pd.isna(row["ftf"]) else bool(row["ftf"])
        orders.append(
            JudgedOrder(str(row["center_id"]), str(row["order_id"]), tuple(sorted(groups)), procedure, judgement, ftf)
        )
    return Judged(tuple(orders), len(frame), {name: count for name, count in left_out.items() if count})


def _events(row: dict[str, Any], procedure: Procedure | None) -> tuple[str | None, list[WorkEvent]]:
    """The events of the visit, from check-in to close; or why they cannot be judged."""
    if procedure is None:
        return "no_procedure", []
    if pd.isna(row["checked_in_ms"]):
        return "no_check_in", []
    since, until = int(row["checked_in_ms"]), int(row["closed_ms"])
    events = [
        WorkEvent(int(at), str(name), str(step) or None)
        for at, name, step in row["work_events"] or ()
        if since <= int(at) <= until
    ]
    repairs = [event for event in events if event.name.startswith("repair.")]
    if procedure.codes and repairs and not any(event.step for event in repairs):
        return "no_steps", []
    return None, events


def figures_of(judged: Judged) -> tuple[Figure, ...]:
    """The figures of all orders together."""
    orders, n_all, left_out = judged.orders, judged.n_all, judged.left_out
    needing = [order for order in orders if order.procedure.needs_check]
    without_need = {**left_out, "no_check_needed": len(orders) - len(needing)}
    fixed = [order for order in orders if order.ftf is not None]
    return (
        _share("procedure_conforming", orders, [o.judgement.conforms for o in orders], n_all, left_out),
        _share("procedure_check_missing", needing, [o.has("check_missing") for o in needing], n_all, without_need),
        _ftfr("ftfr_conforming", [o for o in fixed if o.judgement.conforms], n_all),
        _ftfr("ftfr_deviating", [o for o in fixed if not o.judgement.conforms], n_all),
        difference_figure("procedure_ftfr_difference", difference_of(fixed), n_all),
    )


def difference_of(orders: Iterable[JudgedOrder]) -> MatchedDifference:
    """First-time fix of orders that followed their procedure less that of the others, matched by center and groups."""
    return matched_difference(
        Outcome((order.center_id, order.groups), order.judgement.conforms, bool(order.ftf)) for order in orders
    )


def _share(name: str, orders: Sequence[JudgedOrder], holds: list[bool], n_all: int, left_out: dict[str, int]) -> Figure:
    return share_of_rows(name, holds, [order.center_id for order in orders], n_all, left_out)


def _ftfr(name: str, orders: list[JudgedOrder], n_all: int) -> Figure:
    return _share(name, orders, [bool(order.ftf) for order in orders], n_all, {"other_orders": n_all - len(orders)})
