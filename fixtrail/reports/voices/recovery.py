"""Whether customers who were called about a bad score come back more content, beside those who were not called.

Of bad scores many are followed by a better one whoever calls: regression to the mean. So those who were called stand
beside those who were not, of the same center and the same score.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from fixtrail.reports.report import NO_INTERVAL, Interval
from fixtrail.reports.stats.intervals import Z
from schemas.times import DAY_MS

Answers = Mapping[str, Sequence[tuple[int, int]]]


class Stratum(NamedTuple):
    """One center and score: how many of those called, and of the others, came back more content."""

    called: int
    called_recovered: int
    others: int
    others_recovered: int


def nps_class(score: float) -> int:
    """0 detractor, 1 passive, 2 promoter."""
    return 0 if score <= 6 else 1 if score <= 8 else 2


def with_recovery(cases: pd.DataFrame, answers: Answers, days: float) -> pd.DataFrame:
    """The bad scores of known customers, with `is_called`, `answered_again` and `is_recovered`.

    A later answer is one of any order of the same customer within so many days; of those called, after the call.
    """
    bad = cases[(cases["kind"] == "detractor") & cases["customer_key"].notna()].copy()
    later = [
        [
            score
            for at, score in answers.get(case.customer_key, ())
            if _begins_at(case) < at <= case.opened_at + days * DAY_MS
        ]
        for case in bad.itertuples(index=False)
    ]
    bad["is_called"] = bad["contacted_at"].notna()
    bad["answered_again"] = [bool(scores) for scores in later]
    bad["is_recovered"] = [
        any(nps_class(answer) > nps_class(score) for answer in scores)
        for score, scores in zip(bad["score"], later, strict=True)
    ]
    return bad


def _begins_at(case: object) -> float:
    contacted_at, opened_at = case.contacted_at, case.opened_at  # type: ignore[attr-defined]
    return float(opened_at if pd.isna(contacted_at) else max(opened_at, contacted_at))


def strata_of(bad: pd.DataFrame) -> list[Stratum]:
    """One for each center and score."""
    strata = []
    for _, rows in bad.groupby(["center_id", "score"]):
        with_call, without_call = rows[rows["is_called"]], rows[~rows["is_called"]]
        counts = (
            len(with_call),
            int(with_call["is_recovered"].sum()),
            len(without_call),
            int(without_call["is_recovered"].sum()),
        )
        strata.append(Stratum(*counts))
    return strata


def matched_difference(strata: Sequence[Stratum]) -> tuple[float | None, Interval, int]:
    """(the called's share less the others' within strata, its 95 % interval, how many cases have a partner).

    Mantel and Haenszel's risk difference with Sato's variance (Biometrics 45, 1989), which holds for many small strata.
    """
    both = [stratum for stratum in strata if stratum.called and stratum.others]
    n = sum(stratum.called + stratum.others for stratum in both)
    weight = sum(s.called * s.others / (s.called + s.others) for s in both)
    if not weight:
        return None, NO_INTERVAL, n
    value = sum((s.called_recovered * s.others - s.others_recovered * s.called) / (s.called + s.others) for s in both)
    value /= weight
    variance = max(0.0, value * sum(map(_p, both)) + sum(map(_q, both))) / weight**2
    if not variance:
        # Nobody came back more content, or everybody did: that bounds nothing.
        return value, NO_INTERVAL, n
    half = Z * math.sqrt(variance)
    return value, Interval(max(-1.0, value - half), min(1.0, value + half)), n


def _p(s: Stratum) -> float:
    n = s.called + s.others
    balance = s.called * s.others * (s.others - s.called) / 2
    return (s.others_recovered * s.called**2 - s.called_recovered * s.others**2 + balance) / n**2


def _q(s: Stratum) -> float:
    n = s.called + s.others
    called_not, others_not = s.called - s.called_recovered, s.others - s.others_recovered
    return (s.called_recovered * others_not + s.others_recovered * called_not) / (2 * n)
