"""What lies on the shelves beside what should: days of cover, the day it runs out, and what to order."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

LONGEST_DAYS = 3650


def with_levels(frame: pd.DataFrame, levels: pd.DataFrame, origin: date, horizon: int) -> pd.DataFrame:
    """outlook_frame with what is on hand and on order, by center and part; the frame itself where there is no level.

    Days of cover are what is on hand by the daily mean; beyond ten years there is no day. What is on order and not told
    counts as nothing.
    """
    if not len(levels):
        return frame
    rows = frame.merge(levels[["center_id", "part_no", "on_hand", "on_order"]], on=["center_id", "part_no"], how="left")
    with np.errstate(divide="ignore", invalid="ignore"):
        cover = rows["on_hand"] / (rows["mean"] / horizon)
    days = cover.where((cover >= 0) & (cover <= LONGEST_DAYS))
    missing = rows["shelf"] - rows["on_hand"] - rows["on_order"].fillna(0.0)
    return rows.assign(
        days_of_cover=days,
        stockout_day=[None if pd.isna(value) else origin + timedelta(days=int(value)) for value in days],
        order_quantity=np.ceil(missing.clip(lower=0.0)),
    )
