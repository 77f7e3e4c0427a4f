"""Asks ClickHouse as of one moment, and remembers the text of each query that was asked."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from fixtrail.reports.queries import frame, parameters_of, text_of
from fixtrail.settings import ReportSettings

_NOW = "now64(3, 'UTC')"


class AsOf:
    """An `Ask` whose `now` is `as_of`: what a query says of the clock is then a function of the data.

    `answered` is called after each answer. Raises ExitError as `fixtrail sql` does.
    """

    def __init__(self, settings: ReportSettings, answered: Callable[[], None] = lambda: None) -> None:
        self._settings, self._answered = settings, answered
        self.as_of: datetime | None = None
        self.texts: dict[str, str] = {}

    def __call__(self, query: str, /, **parameters: Any) -> pd.DataFrame:
        """The answer of a query of analytics/queries."""
        text = text_of(query)
        self.texts[query] = text
        declared = {name: value for name, value in parameters.items() if name in parameters_of(text)}
        answer = frame(self._settings, self._at(text), declared)
        self._answered()
        return answer

    def _at(self, text: str) -> str:
        if self.as_of is None:
            return text
        moment = self.as_of.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        return text.replace(_NOW, f"toDateTime64('{moment}', 3, 'UTC')")
