"""A ready time that somebody was shown: topic `estimates`."""

from typing import Annotated

from pydantic import Field

from schemas.facts import Activity, Fact

Instant = Annotated[int, Field(description="ms since 1970-01-01 UTC")]
OptionalInstant = Annotated[int | None, Field(description="ms since 1970-01-01 UTC; null without a promise")]


class ShownEstimate(Fact):
    """An interval for the ready time of an order, as it was shown on a page or by the API: topic `estimates`.

    The same interval of one `point_at` counts once, whoever was shown it. `low` to `high` are meant to be right in 8 of
    10 visits, `middle` as often early as late. `point_at`: the change that it goes by (`activity` began, or the promise
    was given). `late_probability`: that the promise `promised_at` will be broken, null without one. `as_of`: learned
    from what happened up to then. `shown_at`: when it was first shown.
    """

    center_id: str
    order_id: str
    shown_at: Instant
    point_at: Instant
    activity: Activity
    promised_at: OptionalInstant
    low: Instant
    middle: Instant
    high: Instant
    late_probability: Annotated[float | None, Field(ge=0, le=1)]
    as_of: Instant
