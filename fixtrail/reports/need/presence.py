"""Who was there in each half hour: rostered by shifts, and at work by the technicians' own events. Pure."""

import numpy as np
import pandas as pd

from fixtrail.reports.need.slots import SLOT_MS, Floats, OpenSlots


def people_on_duty(slots: OpenSlots, shifts: pd.DataFrame) -> Floats:
    """People by day and slot of shifts with staff_key, starts_ms and ends_ms; who is there half of it counts half."""
    total = np.zeros(slots.starts.shape)
    for _, own in shifts.groupby("staff_key"):
        seconds = slots.seconds_within(own["starts_ms"].to_numpy(np.int64), own["ends_ms"].to_numpy(np.int64))
        total += np.minimum(seconds * 1000 / SLOT_MS, 1.0)
    return total


def technicians_at_work(slots: OpenSlots, stretches: pd.DataFrame) -> Floats:
    """Distinct technicians who touched a car, by day and slot; of stretches with technician, started_ms, ended_ms."""
    total = np.zeros(slots.starts.shape)
    for _, own in stretches.groupby("technician"):
        starts, ends = own["started_ms"].to_numpy(np.int64), own["ended_ms"].to_numpy(np.int64)
        total += slots.seconds_within(starts, ends) > 0
    return total
