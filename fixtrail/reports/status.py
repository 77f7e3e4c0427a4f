"""Was a target met? One rule for every figure; docs/reports.md explains it with the owner's own numbers."""

from typing import Literal

from fixtrail.reports.report import Interval

Status = Literal["met", "missed", "not_distinguishable"]
MET: Status = "met"
MISSED: Status = "missed"
NOT_DISTINGUISHABLE: Status = "not_distinguishable"


def status(
    value: float | None,
    interval: Interval,
    target: float | None,
    better: Literal["higher", "lower"],
    n: int | None = None,
) -> Status | None:
    """Whether a target was met; None without a value or a target.

    With an interval: met where all of it is as good as the target or better, missed where all of it is worse, and not
    distinguishable where it holds both. With n but without an interval (one value, or all of them alike) nothing can be
    told. A bare number, told without n, is taken at its word: met where it reaches the target, else missed.
    """
    if value is None or target is None:
        return None
    sign = 1 if better == "higher" else -1
    ends = sorted(sign * end for end in (interval.low, interval.high) if end is not None)
    if len(ends) < 2 or ends[0] == ends[1]:
        if n is not None:
            return NOT_DISTINGUISHABLE
        return MET if sign * value >= sign * target else MISSED
    if ends[0] >= sign * target:
        return MET
    return MISSED if ends[1] < sign * target else NOT_DISTINGUISHABLE
