"""A quality warning as the watch tells it."""

from typing import NamedTuple


class QualityCase(NamedTuple):
    """A cell that is beyond chance in the last week that is over. Times are ms since 1970, of weeks' beginnings.

    `since`: from when on its cases are more than expected; `first`: the week in which that was first beyond chance.
    """

    subject: str
    since: int
    first: int
    cases: int
    expected: float
