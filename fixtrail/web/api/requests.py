"""`GET /v1/requests`: what a key itself asked lately, and how it was answered."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from fixtrail.web.api.access import Key
from fixtrail.web.api.order import Time
from fixtrail.web.api.problems import ApiError, problem_responses
from fixtrail.web.api.request_log import LogQuery, RequestRecord
from fixtrail.web.api.state import state_of
from runtime.store import StoreUnavailableError
from schemas.times import from_ms, to_ms

RETRY_AFTER_S = 5

router = APIRouter()

Since = Annotated[AwareDatetime | None, Query(description="Requests from this time on; default: 24 hours back.")]
Status = Annotated[int | None, Query(ge=100, le=599, description="Only answers with this status.")]
Problem = Annotated[str | None, Query(max_length=64, description="Only this problem: `refused`, `rate-limited` …")]
EventId = Annotated[str | None, Query(min_length=1, max_length=128, description="Only requests with this event.")]
Refused = Annotated[bool, Query(description="Only requests of which something, or all, was refused.")]
Before = Annotated[int | None, Query(ge=0, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="So many at most.")]


class LoggedItem(BaseModel):
    """One event of a request."""

    index: int = Field(description="Its place in the request, from 0.")
    event_id: str | None = Field(description="Its id; null where it could not be read.")
    status: Literal["accepted", "refused", "not_acknowledged", "not_sent"]
    code: str | None = Field(default=None, description="Why it was refused.")


class LoggedRequest(BaseModel):
    """One request of the key, and its answer."""

    at: Time
    method: str
    route: str = Field(description="The pattern of the address, `/orders/{order_id}`: no order's id is kept.")
    status: int
    problem: str | None = Field(description="What the problem's `type` ends with; null where there was none.")
    test: bool = Field(description="The key was a test key: nothing was written.")
    replayed: bool = Field(description="An Idempotency-Key got the first request's answer.")
    took_ms: int
    accepted: int
    refused: int
    items: list[LoggedItem] = Field(description="Up to 100 events, those not accepted before others.")
    items_left_out: int

    @classmethod
    def of(cls, record: RequestRecord) -> "LoggedRequest":
        names = ("method", "route", "status", "problem", "test", "replayed", "took_ms", "accepted", "refused")
        fields = {name: getattr(record, name) for name in names}
        return cls(
            at=from_ms(record.at_ms),
            **fields,
            items=[LoggedItem.model_validate(item) for item in record.items],
            items_left_out=record.items_left_out,
        )


class RequestsAnswer(BaseModel):
    """The newest requests first."""

    key: str = Field(description="The key's id; whoever holds another key sees nothing of these.")
    hours: int = Field(description="So many hours the log goes back at most.")
    requests: list[LoggedRequest]
    next: int | None = Field(description="Ask again with it as `before` for older ones; null where there are none.")


@router.get(
    "/requests",
    tags=["requests"],
    operation_id="getRequests",
    summary="What this key asked lately",
    responses=problem_responses(401, 422, 429, 503),
)
async def get_requests(
    request: Request,
    response: Response,
    key: Key,
    since: Since = None,
    status: Status = None,
    problem: Problem = None,
    event_id: EventId = None,
    refused: Refused = False,
    before: Before = None,
    limit: Limit = 100,
) -> RequestsAnswer:
    """The requests of the very key that asks, with status, problem and event ids, and nothing else of what was sent.

    Needs no scope. Each server writes a request down within a second; those that ask for this log are left out, and so
    are requests with a wrong key.
    """
    requests = state_of(request).requests
    begin = since or datetime.now(UTC) - timedelta(hours=24)
    query = LogQuery(key.id, to_ms(begin), status, problem, event_id, refused, before, limit)
    try:
        page = await asyncio.to_thread(requests.read, query)
    except StoreUnavailableError:
        detail = "Ask again in a moment; events are taken all the same."
        raise ApiError(503, "log-away", detail, headers={"Retry-After": str(RETRY_AFTER_S)}) from None
    response.headers["Cache-Control"] = "no-store"
    logged = [LoggedRequest.of(record) for record in page.records]
    return RequestsAnswer(key=key.id, hours=requests.hours, requests=logged, next=page.next_before)
