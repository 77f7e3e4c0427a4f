"""Report `warning`: part batches, builds and software of which there are more product faults than expected."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fixtrail.reports.figure_kinds import nps_figure
from fixtrail.reports.options import Options, refuse_cut
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Chart, Column, Figure, Interval, Report, Sheet, sheet_of
from fixtrail.reports.stats import intervals
from fixtrail.reports.stats.pooled import Votes
from fixtrail.reports.warning import words
from fixtrail.reports.warning.cells import CellWeeks, WarningCase, monday
from fixtrail.reports.warning.charts import draw_weeks
from fixtrail.reports.warning.judge import Judgement, judge
from fixtrail.reports.warning.limits import RUN_WEEKS, SIGHT_MEANS, WINDOW_WEEKS, sights
from fixtrail.reports.warning.sources import WarningData, ask_data
from fixtrail.reports.warning.states import CellState, order_rows, states_of, week_rows
from runtime.failure import USAGE, ExitError

MOVER = "mover"
_MOST_CHARTS = 4


def build(ask: Ask, options: Options) -> Report:
    """The report, asked of ClickHouse. Without days: the last four weeks that are over."""
    refuse_cut("warning", options)
    if options.since and options.until and options.since > options.until:
        raise ExitError("--from is not after --to", USAGE)
    return report_of(ask_data(ask, options), options)


def report_of(data: WarningData, options: Options) -> Report:
    """The report from its data."""
    judgement, weeks = judge(data.cells), data.cells.weeks
    number = WINDOW_WEEKS if options.since is None else sum(week >= monday(options.since) for week in weeks)
    states = states_of(data.cells, judgement, number, data.resets)
    rows = list(week_rows(data.cells, judgement, states))
    sheets = (
        _cells_sheet(states),
        _sheet("weeks", Bilingual("按周", "By week"), words.WEEKS, rows),
        _sheet("orders", Bilingual("相关工单", "Their orders"), words.ORDERS, order_rows(states)),
        _sights_sheet(judgement),
        _watched_sheet(data, judgement),
    )
    figures = (_alarms(states, judgement), *_nps(states, data))
    scope = options.scope() | _days(weeks, number) | {"weeks": len(weeks)}
    return Report(
        "warning", words.TITLE, words.QUESTION, scope, figures, sheets, _charts(states, rows), words.METHODS,
        words.DEFINITIONS,
    )  # fmt: skip


def _days(weeks: Sequence[date], number: int) -> dict[str, Any]:
    chosen = weeks[max(0, len(weeks) - number) :] if number else ()
    if not chosen:
        return {}
    return {"from": chosen[0].isoformat(), "to": (chosen[-1] + timedelta(days=6)).isoformat()}


def _alarms(states: Sequence[CellState], judgement: Judgement) -> Figure:
    watched = int(judgement.is_watched[:, -1].sum()) if judgement.p.size else 0
    alarms = sum(state.state == "alarm" for state in states)
    reasons = {"too_rare": len(judgement.p) - watched}
    return Figure(
        "alarms", alarms, watched, len(judgement.p), count=alarms, left_out=reasons, no_interval="all_counted"
    )


def _nps(states: Sequence[CellState], data: WarningData) -> Iterator[Figure]:
    """NPS of the alarms' orders, of all others of the same weeks, and the difference."""
    affected = [state for state in states if state.state in ("alarm", "acknowledged")]
    orders = {(case.center_id, case.order_id, case.vehicle_key): case for state in affected for case in state.orders}
    of_affected = _counts(orders.values())
    since = min((state.since for state in affected), default=None)
    last = data.cells.weeks[-1] if data.cells.weeks else None
    weeks = [week for week in data.visits if since is not None and last is not None and since <= week <= last]
    of_all = [sum(data.scores.get(week, (0, 0, 0))[number] for week in weeks) for number in range(3)]
    n, up, down = (total - part for total, part in zip(of_all, of_affected, strict=True))
    first = _nps_figure("nps_affected", *of_affected, len(orders))
    second = _nps_figure("nps_others", n, up, down, sum(data.visits[week] for week in weeks) - len(orders))
    yield from (first, second, _gap(first, second))


def _nps_figure(name: str, n: int, up: int, down: int, n_all: int) -> Figure:
    return nps_figure(name, [Votes(up, down, n)], n_all, {"no_score": n_all - n})


def _gap(affected: Figure, others: Figure) -> Figure:
    n = min(affected.n or 0, others.n or 0)
    if affected.value is None or others.value is None:
        return Figure("nps_gap", None, n, n, method=MOVER)
    return Figure("nps_gap", affected.value - others.value, n, n, _mover(affected, others), method=MOVER)


def _mover(first: Figure, second: Figure) -> Interval:
    """The interval of a difference, made of both intervals; None where one has none."""
    ends = (first.interval.low, first.interval.high, second.interval.low, second.interval.high)
    if first.value is None or second.value is None or any(end is None for end in ends):
        return Interval(None, None)
    low1, high1, low2, high2 = (float(end or 0.0) for end in ends)
    gap = first.value - second.value
    down = np.hypot(first.value - low1, high2 - second.value)
    up = np.hypot(high1 - first.value, second.value - low2)
    return Interval(max(-200.0, float(gap - down)), min(200.0, float(gap + up)))


def _counts(orders: Iterable[WarningCase]) -> tuple[int, int, int]:
    """(scores, promoters, detractors)."""
    scores = [case.score for case in orders if case.score is not None]
    return len(scores), sum(score >= 9 for score in scores), sum(score <= 6 for score in scores)


def _cells_sheet(states: Sequence[CellState]) -> Sheet:
    return _sheet("cells", Bilingual("超出预期的单元", "What stands out"), words.CELLS, map(_cell_row, states))


def _cell_row(state: CellState) -> dict[str, Any]:
    n, up, down = _counts(state.orders)
    interval = intervals.nps(up, down, n)
    return {
        "state": state.state,
        "dimension": state.cell.dimension,
        "value": state.cell.value,
        "fault_group": state.cell.group,
        "since": state.since,
        "first": state.first,
        "cases": len(state.orders),
        "expected": state.expected,
        "vehicles": state.vehicles,
        "centers": state.centers,
        "total": state.total,
        "limit": state.limit if np.isfinite(state.limit) else None,
        "p": state.p,
        "nps": 100 * (up - down) / n if n else None,
        "nps_low": interval.low,
        "nps_high": interval.high,
        "scores": n,
    }


def _sights_sheet(judgement: Judgement) -> Sheet:
    """What can be seen how soon, and of how many cells about so much is expected now."""
    now = judgement.expected[judgement.is_watched[:, -1], -1] if judgement.p.size else np.array([])
    nearest = np.abs(np.log(np.maximum(now, 1e-9)[:, None] / np.array(SIGHT_MEANS))).argmin(axis=1)
    rows = (
        {**sight._asdict(), "cells": int((nearest == SIGHT_MEANS.index(sight.expected)).sum())} for sight in sights()
    )
    title = Bilingual("多久能发现什么", "What can be seen how soon")
    return _sheet("sights", title, words.SIGHTS, rows, words.SIGHT_NOTE)


def _watched_sheet(data: WarningData, judgement: Judgement) -> Sheet:
    cells = data.cells
    rows = (_watched_row(cells, judgement, numbers) for numbers in cells.blocks())
    return _sheet("watched", Bilingual("监测范围", "What is watched"), words.WATCHED, rows)


def _watched_row(cells: CellWeeks, judgement: Judgement, numbers: Any) -> dict[str, Any]:
    cases = float(cells.cases[numbers, -RUN_WEEKS:].sum())
    visits = float(cells.exposure[numbers, -RUN_WEEKS:].sum())
    first = cells.cells[int(numbers[0])]
    return {
        "dimension": first.dimension,
        "fault_group": first.group,
        "cells": len(numbers),
        "watched": int(judgement.is_watched[numbers, -1].sum()),
        "cases": cases,
        "per_1000": 1000 * cases / visits if visits else None,
    }


def _charts(states: Sequence[CellState], rows: Sequence[dict[str, Any]]) -> tuple[Chart, ...]:
    return tuple(_chart(state, number, rows) for number, state in enumerate(states[:_MOST_CHARTS], 1))


def _chart(state: CellState, number: int, rows: Sequence[dict[str, Any]]) -> Chart:
    names = (state.cell.dimension, state.cell.value, state.cell.group)
    weeks = [row for row in rows if (row["dimension"], row["value"], row["fault_group"]) == names]
    about = f"{state.cell.value} · {state.cell.group}"
    title = Bilingual(f"{about}：{words.CHART.zh}", f"{about}. {words.CHART.en}")
    return Chart(f"cell-{number}", title, "weeks", partial(draw_weeks, weeks))


def _sheet(
    name: str,
    title: Bilingual,
    columns: tuple[Column, ...],
    rows: Iterable[dict[str, Any]],
    note: Bilingual | None = None,
) -> Sheet:
    frame = pd.DataFrame(list(rows), columns=[column.name for column in columns])
    return sheet_of(name, title, columns, frame, note)
