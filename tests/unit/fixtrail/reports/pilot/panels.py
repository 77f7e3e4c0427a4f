"""Panels of centers made up for tests of the pilot."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from fixtrail.reports.pilot.judge import (
    PilotPlan,
    PilotThreshold,
    day_number,
)
from fixtrail.reports.stats.panel import Rollout

MONDAY = day_number(date(2026, 7, 6))


SUMS = ("handed_off", "waits", "wait_s", "judged", "fixed", "scores", "promoters", "detractors", "complaints")


def days_of(
    effect: float, centers: int = 8, pilots: int = 3, days: int = 63, start: int = 42, seed: int = 1
) -> pd.DataFrame:
    """The answer of pilot.sql: centers that differ and drift together; pilots gain `effect` (share) from `start` on."""
    draw = np.random.default_rng(seed)
    rows = []
    for center in range(centers):
        own = draw.normal(0, 0.05)
        for day in range(days):
            gain = effect if center < pilots and day >= start else 0.0
            n = int(draw.poisson(8)) + 1
            fixed = int(draw.binomial(n, np.clip(0.75 + own + 0.001 * day + gain / 5, 0, 1)))
            up = int(draw.binomial(n, np.clip(0.7 + own + gain / 5, 0, 1)))
            rows.append(
                {
                    "center_id": f"c{center:02}",
                    "day": date(2026, 7, 6) + timedelta(days=day),
                    "handed_off": n,
                    "waits": n,
                    "wait_s": float(draw.gamma(4 * n, 600 * (1 + own) * (1 - 0.5 * gain))),
                    "judged": n,
                    "fixed": fixed,
                    "scores": n,
                    "promoters": up,
                    "detractors": int(draw.binomial(n - up, 0.3)),
                    "complaints": int(draw.binomial(n, 0.04)),
                }
            )
    return pd.DataFrame(rows)


def pilots_of(count: int, start: int = 42, wave: int = 1) -> Rollout:
    return Rollout({f"c{n:02}": MONDAY + start for n in range(count)}, {f"c{n:02}": wave for n in range(count)})


def staggered() -> Rollout:
    starts = {"c00": 21, "c01": 21, "c02": 42, "c03": 42, "c04": 56}
    waves = {"c00": 1, "c01": 1, "c02": 2, "c03": 2, "c04": 3}
    return Rollout({center: MONDAY + day for center, day in starts.items()}, waves)


def plan(*aims: PilotThreshold, declared: int | None = MONDAY) -> PilotPlan:
    return PilotPlan(declared=declared, aims=aims)
