"""Random durations around a mean, in seconds."""

import random

from schemas.times import MINUTE_S


class Durations:
    """Draws durations; `slowness` stretches what a center lets its customers wait for, not its work."""

    def __init__(self, draw: random.Random, slowness: float) -> None:
        self._draw, self._slowness = draw, slowness

    def delay_s(self, mean_min: float) -> float:
        """A wait: gamma with a standard deviation of 0.7 means."""
        return self._draw.gammavariate(2.0, mean_min * MINUTE_S / 2.0) * self._slowness if mean_min else 0.0

    def work_s(self, mean_min: float) -> float:
        """Work at the vehicle: gamma with a standard deviation of 0.35 means."""
        return self._draw.gammavariate(8.0, mean_min * MINUTE_S / 8.0) if mean_min else 0.0

    def courier_s(self, mean_min: float) -> float:
        """An emergency delivery: half of the mean is the drive itself."""
        return (0.5 * MINUTE_S + self._draw.gammavariate(2.0, MINUTE_S / 4.0)) * mean_min if mean_min else 0.0

    def days(self, mean_days: float) -> float:
        """Days until a fault shows again: at least half a day."""
        return 0.5 + self._draw.expovariate(1.0) * mean_days
