"""`GET /v1/estimates`: when a car that arrives now may be ready, for the advisor before promising."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from fixtrail.web.api.access import Key, require
from fixtrail.web.api.order import Time
from fixtrail.web.api.problems import ApiError, problem_responses
from fixtrail.web.api.state import state_of
from runtime.clock import now_ms
from schemas.times import MINUTE_MS, from_ms

router = APIRouter()

CenterId = Annotated[str, Query(alias="center", min_length=1, max_length=64, description="The center's id.")]
Lane = Annotated[Literal["quick", "standard"], Query(description="The lane that the car would be in.")]
FaultGroup = Annotated[str | None, Query(max_length=64, description="What is to be done, where it is known.")]


class EstimateAtArrival(BaseModel):
    """When a car that is checked in at `as_of` may be ready: between `low` and `high` in 8 of 10 visits like it.

    Where none is given, `reason` says why: `record` (estimates were not good enough at this center lately) or `few`
    (too few visits to compare with).
    """

    center_id: str
    lane: Literal["quick", "standard"]
    fault_group: str | None
    low: Time | None = None
    middle: Time | None = Field(default=None, description="As often before as after.")
    high: Time | None = None
    open_minutes: float | None = Field(default=None, description="The middle, in minutes of opening time.")
    n: int = Field(default=0, description="Of so many visits.")
    reason: str | None = Field(default=None, description="Why there is none; null where there is one.")
    as_of: Time


@router.get(
    "/estimates",
    tags=["estimates"],
    operation_id="getEstimate",
    summary="When a car that arrives now may be ready",
    responses=problem_responses(401, 403, 404, 422, 429, 503),
)
async def get_estimate(
    request: Request, key: Key, center_id: CenterId, lane: Lane = "standard", fault_group: FaultGroup = None
) -> EstimateAtArrival:
    """An interval for the ready time of a car that is checked in now, by the visits of the last weeks like it.

    Needs scope `centers:read`; a center that the key does not allow is not found. Where fewer than 30 visits had the
    fault group, all of the lane are compared with.
    """
    require(key, "centers:read")
    state = state_of(request)
    if not key.allows(center=center_id) or state.estimates is None:
        raise ApiError(404, "not-found", "There is no such center, or none that this key may see.")
    now = now_ms()
    asked_for = EstimateAtArrival(center_id=center_id, lane=lane, fault_group=fault_group, as_of=from_ms(now))
    answer = state.estimates.at_arrival(center_id, lane, fault_group)
    if isinstance(answer, str):
        return asked_for.model_copy(update={"reason": answer})
    low, middle, high = (
        from_ms(state.estimates.instant(center_id, now, span)) for span in (answer.low, answer.middle, answer.high)
    )
    minutes = round(answer.middle / MINUTE_MS, 1)
    return asked_for.model_copy(
        update={"low": low, "middle": middle, "high": high, "open_minutes": minutes, "n": answer.n}
    )
