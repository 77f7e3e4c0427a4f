"""The settings of a forecast: its horizon, the windows that it learns from, and its declared levels."""

from dataclasses import dataclass

# Grows when the same requests would give another forecast (docs/metrics.md).
DEFINITION_VERSION = 2
MOST_HORIZON_DAYS = 90
QUANTILES = (0.5, 0.95)


@dataclass(frozen=True, slots=True)
class ForecastPlan:
    """Lengths in days (or in whatever the columns of the demand are).

    `horizon`: what is forecast, from the origin on. `window`: the long mean, the part's type and its dispersion.
    `short`: the short mean. `least`: with less history there is no number. `origins`: how many past ones are tried.
    """

    horizon: int = 30
    window: int = 365
    short: int = 90
    least: int = 90
    origins: int = 6

    @property
    def reach(self) -> int:
        """How many days of demand must be read."""
        return self.window + self.origins * self.horizon

    def past_origins(self, days: int) -> list[int]:
        """The columns at which past forecasts begin, oldest first: those with enough before and a horizon after."""
        steps = range(self.origins, 0, -1)
        return [origin for step in steps if (origin := days - step * self.horizon) >= self.least]


# Of the time until the next delivery: how often the shelf is looked at, what the supplier takes where nobody can tell.
REVIEW_DAYS = 7
ASSUMED_LEAD_DAYS = 3.0
SERVICE_LEVELS = {"A": 0.98, "B": 0.95, "C": 0.90}
