"""What a forecast of parts costs: so many parts at so many centers, a year and the past origins before it.

    python -m benchmarks.parts --parts 5000 --centers 15 --days 365

Requests are drawn part by part: a gamma of rates, so that most are asked for a few times a year and some daily. Said
are rows, requests, CPU seconds of demand and forecast, and how often demand stayed within the 95th percentile.
"""

import argparse
import json
import time
from datetime import date, timedelta

import numpy as np
import pandas as pd

from fixtrail.parts.demand import demand_of
from fixtrail.parts.forecast import Supply, forecast
from fixtrail.parts.plan import ForecastPlan

ORIGIN = date(2026, 7, 1)


def requests(parts: int, centers: int, days: int, seed: int) -> pd.DataFrame:
    """Pieces by center, part and day, as query parts_days gives them."""
    draw = np.random.default_rng(seed)
    rates = draw.gamma(0.35, 0.12, size=(parts, centers))
    part, center = (index.ravel() for index in np.indices((parts, centers)))
    number = draw.poisson(rates.ravel() * days)
    rows = np.repeat(np.arange(parts * centers), number)
    frame = pd.DataFrame(
        {
            "center_id": pd.Categorical.from_codes(center[rows], [f"center-{n:02}" for n in range(centers)]),
            "part_no": pd.Categorical.from_codes(part[rows], [f"P{n:05}" for n in range(parts)]),
            "day": pd.Timestamp(ORIGIN - timedelta(days=days))
            + pd.to_timedelta(draw.integers(0, days, len(rows)), "D"),
            "pieces": draw.choice([1.0, 1.0, 1.0, 2.0, 4.0], len(rows)),
            "hits": 1,
        }
    )
    return (
        frame.groupby(["center_id", "part_no", "day"], as_index=False, observed=True)
        .sum()
        .astype({"center_id": str, "part_no": str})
    )


def measure(frame: pd.DataFrame, days: int) -> dict[str, float]:
    """One forecast, timed."""
    plan = ForecastPlan()
    began = time.process_time()
    demand = demand_of(frame, ORIGIN, min(days, plan.reach))
    laid_out = time.process_time()
    supply = Supply(np.full(demand.size, 10.0), np.full(demand.size, 3.0), np.full(demand.size, "part"))
    answer = forecast(demand, plan, {}, supply)
    ended = time.process_time()
    past = answer.outlooks[:-1]
    usable = [outlook.origin.is_usable for outlook in past]
    inside = [outlook.origin.actual[rows] <= outlook.high[rows] for outlook, rows in zip(past, usable, strict=True)]
    return {
        "rows": demand.size,
        "days_with_demand": len(frame),
        "demand_cpu_s": round(laid_out - began, 2),
        "forecast_cpu_s": round(ended - laid_out, 2),
        "origins": len(past),
        "inside_95": round(float(np.concatenate(inside).mean()), 4) if past else -1.0,
    }


def main() -> None:
    """Print the measurement as a JSON line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("parts", 5000), ("centers", 15), ("days", 365), ("seed", 1)):
        options.add_argument(f"--{name}", type=int, default=value)
    chosen = options.parse_args()
    frame = requests(chosen.parts, chosen.centers, chosen.days, chosen.seed)
    print(json.dumps(measure(frame, chosen.days)))


if __name__ == "__main__":
    main()
