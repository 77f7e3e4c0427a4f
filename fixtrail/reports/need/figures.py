"""The figures of report `need`, of all centers together."""

from typing import Any

import pandas as pd
from scipy import special

from fixtrail.reports.figure_kinds import clustered_share
from fixtrail.reports.report import Figure
from fixtrail.reports.stats.intervals import TAIL

SLOT_H = 0.5


def figures_of(slots: pd.DataFrame, days: pd.DataFrame) -> tuple[Figure, ...]:
    """The figures of half hours (all roles) and of days."""
    needed, rostered = slots["required"].notna(), slots["rostered"].notna()
    technicians = slots["role"] == "technician"
    both = slots[needed & rostered]
    gap = both["required"] - both["rostered"]
    without = _reasons(few_days=~needed, no_shifts=needed & ~rostered)
    waited = slots["waited_s"].notna()
    below = both[(gap > 0) & both["waited_s"].notna()]
    return (
        _hours("need_required_h", slots["required"], _reasons(few_days=~needed)),
        _hours("need_rostered_h", slots["rostered"], _reasons(no_shifts=~rostered)),
        _hours(
            "need_working_h", slots.loc[technicians, "working"], _reasons(to_come=slots["working"].isna() & technicians)
        ),
        _total("need_under_h", float(gap.clip(lower=0).sum()) * SLOT_H, len(both), len(slots), without),
        _total("need_over_h", float((-gap).clip(lower=0).sum()) * SLOT_H, len(both), len(slots), without),
        _below(both, gap > 0, len(slots), without),
        _total(
            "need_wait_below_s",
            float(below["waited_s"].sum()),
            int((needed & rostered & waited).sum()),
            int(technicians.sum()),
            _reasons(
                few_days=technicians & ~needed,
                no_shifts=technicians & needed & ~rostered,
                to_come=technicians & needed & rostered & ~waited,
            ),
        ),
        _total(
            "need_wait_s",
            float(slots["waited_s"].sum()),
            int(waited.sum()),
            int(technicians.sum()),
            _reasons(to_come=technicians & ~waited),
        ),
        _foreseen(days),
    )


def is_foreseen(expected: float, arrived: float) -> bool:
    """Whether so many lie within the middle 95 % of a Poisson distribution of this mean."""
    if expected <= 0:
        return arrived == 0
    at_most, fewer = special.pdtr(arrived, expected), special.pdtr(arrived - 1, expected) if arrived else 0.0
    return bool(at_most > TAIL and fewer < 1 - TAIL)


def _foreseen(days: pd.DataFrame) -> Figure:
    """Days of one center resemble each other: centers are the clusters."""
    is_known, past = days["expected"].notna(), days["came"].notna()
    rows = days[is_known & past]
    is_held = pd.Series(
        [is_foreseen(expected, arrived) for expected, arrived in zip(rows["expected"], rows["came"], strict=True)],
        index=rows.index,
        dtype=bool,
    )
    reasons = _reasons(few_days=~is_known, to_come=is_known & ~past)
    return clustered_share("need_foreseen", is_held, rows["center_id"], len(days), reasons, "wilson-clusters")


def _below(both: pd.DataFrame, is_held: "pd.Series[Any]", n_all: int, reasons: dict[str, int]) -> Figure:
    """Half hours of one center's day resemble each other: days are the clusters."""
    return clustered_share(
        "need_below_share", is_held, both["center_id"] + " " + both["day"], n_all, reasons, "wilson-clusters"
    )


def _hours(name: str, people: "pd.Series[Any]", reasons: dict[str, int]) -> Figure:
    return _total(name, float(people.sum()) * SLOT_H, int(people.notna().sum()), len(people), reasons)


def _total(name: str, value: float, n: int, n_all: int, reasons: dict[str, int]) -> Figure:
    return Figure(name, value if n else None, n, n_all, left_out=reasons, no_interval="all_counted")


def _reasons(**chosen: "pd.Series[Any]") -> dict[str, int]:
    """How many rows each reason leaves out."""
    return {name: int(rows.sum()) for name, rows in chosen.items()}
