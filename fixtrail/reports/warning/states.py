"""What there is to say of a cell: alarm, watch, taken care of or over, with its cases and since when. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from fixtrail.reports.warning.cells import CellWeeks, Resets, WarningCase, WarningCell
from fixtrail.reports.warning.cusum import Bools
from fixtrail.reports.warning.judge import LEAST_CENTERS, LEAST_VEHICLES, Judgement

State = Literal["alarm", "acknowledged", "watch", "over"]
_ORDER: tuple[State, ...] = ("alarm", "acknowledged", "watch", "over")


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell that stands out. `first`: the first week of the alarm; `since`: from when on its sum rises.

    `is_alarm`: beyond chance in that week, of enough cars and centers; taken care of or over it may be all the same.
    `orders`, `expected` and `vehicles` are those from `since` to `last`, the last week in which it stood out.
    """

    number: int
    cell: WarningCell
    state: State
    first: date
    since: date
    last: date
    orders: tuple[WarningCase, ...]
    expected: float
    total: float
    limit: float
    p: float
    is_alarm: bool

    @property
    def vehicles(self) -> int:
        return len({case.vehicle_key for case in self.orders})

    @property
    def centers(self) -> int:
        return len({case.center_id for case in self.orders})


def states_of(
    cells: CellWeeks, judgement: Judgement, weeks: int, resets: Resets | None = None
) -> tuple[CellState, ...]:
    """The cells that stand out in one of the last `weeks`, alarms first."""
    first = max(0, len(cells.weeks) - weeks)
    stands_out = judgement.is_named | judgement.is_above
    numbers = np.flatnonzero(stands_out[:, first:].any(axis=1))
    states = (_state(cells, judgement, int(number), (resets or {})) for number in numbers)
    return tuple(sorted(states, key=lambda state: (_ORDER.index(state.state), state.p, -len(state.orders), state.cell)))


def _state(cells: CellWeeks, judgement: Judgement, number: int, resets: Resets) -> CellState:
    stands_out = judgement.is_named[number] | judgement.is_above[number]
    week = int(np.flatnonzero(stands_out)[-1])
    rise = judgement.rise(number, week)
    orders = tuple(case for position, case in cells.orders[number] if rise <= position <= week)
    is_taken_care_of = any(reset > cells.weeks[week] for reset in resets.get(cells.cells[number].subject, ()))
    named = judgement.is_named[number]
    is_alarm = (
        bool(named[week])
        and len({case.vehicle_key for case in orders}) >= LEAST_VEHICLES
        and len({case.center_id for case in orders}) >= LEAST_CENTERS
    )
    state: State = "alarm" if is_alarm else "watch"
    if is_taken_care_of:
        state = "acknowledged"
    elif week < len(cells.weeks) - 1:
        state = "over"
    run = named if is_alarm else stands_out
    return CellState(
        number,
        cells.cells[number],
        state,
        cells.weeks[_beginning(run, cells.is_reset[number], week)],
        cells.weeks[rise],
        cells.weeks[week],
        orders,
        float(judgement.expected[number, rise : week + 1].sum()),
        float(judgement.largest[number, week]),
        float(judgement.limit[number, week]),
        float(judgement.p[number, week]),
        is_alarm,
    )


def _beginning(run: Bools, is_reset: Bools, week: int) -> int:
    """The first week of the unbroken run that `week` ends; a reset begins another one."""
    while week > 0 and run[week - 1] and not is_reset[week]:
        week -= 1
    return week


def week_rows(cells: CellWeeks, judgement: Judgement, states: tuple[CellState, ...]) -> Iterator[dict[str, object]]:
    """The weeks of each cell that stands out, from eight before its sum began to rise."""
    for state in states:
        number = state.number
        begin = max(0, cells.weeks.index(state.since) - 8)
        for week in range(begin, len(cells.weeks)):
            yield {
                **_names(state.cell),
                "week": cells.weeks[week],
                "cases": int(cells.cases[number, week]),
                "exposure": int(cells.exposure[number, week]),
                "expected": float(judgement.expected[number, week]),
                "total": float(judgement.sums[number, week]),
                "is_named": bool(judgement.is_named[number, week]),
                "is_reset": bool(cells.is_reset[number, week]),
            }


def order_rows(states: tuple[CellState, ...]) -> Iterator[dict[str, object]]:
    """The orders of each cell that stands out."""
    for state in states:
        for case in state.orders:
            yield {
                **_names(state.cell),
                "order_id": case.order_id,
                "center_id": case.center_id,
                "day": case.day,
                "score": case.score,
            }


def _names(cell: WarningCell) -> dict[str, object]:
    return {"dimension": cell.dimension, "value": cell.value, "fault_group": cell.group}
