"""The NPS of segments: shares times segment NPS add up to the whole."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

UNKNOWN = "unknown"
WAIT_BANDS = (("0-15 min", 15.0), ("15-30 min", 30.0), ("30-60 min", 60.0), ("over 60 min", np.inf))
CUTS = ("wait", "not_fixed", "stockout", "updates", "promise_broken", "center_id", "region", "lane", "fault_origin")


@dataclass(frozen=True, slots=True)
class SegmentShare:
    """`share` of the scored orders; `points` = share times NPS: those of a cut add up to the whole NPS."""

    cut: str
    segment: str
    n: int
    share: float
    nps: float
    points: float


@dataclass(frozen=True, slots=True)
class Identity:
    """The sum of a cut's points beside the NPS of all scored orders."""

    cut: str
    total: float
    nps: float

    @property
    def difference(self) -> float:
        return self.total - self.nps


def segments(rows: pd.DataFrame) -> tuple[list[SegmentShare], list[Identity]]:
    """Every cut of the scored visits (drivers.visits.visits), unknown values as a segment too, and the identities."""
    scored = rows[rows["score"].notna()]
    if scored.empty:
        return [], []
    value = 100.0 * ((scored["score"] >= 9).astype(float) - (scored["score"] <= 6).astype(float))
    overall = float(value.mean())
    parts_of_cuts, identities = [], []
    for cut in CUTS:
        kinds = _kinds(scored, cut)
        parts = [
            SegmentShare(
                cut,
                str(kind),
                len(group),
                len(group) / len(scored),
                float(group.mean()),
                float(group.sum()) / len(scored),
            )
            for kind, group in value.groupby(kinds)
        ]
        parts_of_cuts += sorted(parts, key=lambda part: part.segment)
        identities.append(Identity(cut, sum(part.points for part in parts), overall))
    return parts_of_cuts, identities


def _kinds(scored: pd.DataFrame, cut: str) -> "pd.Series[str]":
    column = scored[cut]
    if cut == "wait":
        names = np.array([name for name, _ in WAIT_BANDS], dtype=object)
        band = np.searchsorted([end for _, end in WAIT_BANDS[:-1]], column.fillna(0).to_numpy(), side="right")
        kinds = pd.Series(names[band], index=column.index)
    elif cut == "updates":
        kinds = column.fillna(0).clip(upper=2).map({0.0: "none", 1.0: "one", 2.0: "two or more"})
    elif cut in ("not_fixed", "stockout", "promise_broken"):
        kinds = column.map({0.0: "no", 1.0: "yes"})
    else:
        kinds = column.astype("object")
    return kinds.where(column.notna(), UNKNOWN).astype(str)
