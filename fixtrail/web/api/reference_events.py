"""`POST /v1/reference`: reference events in over HTTP, in every way as `POST /v1/events` takes those of orders."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from fixtrail.web.api.access import Key
from fixtrail.web.api.events import RESPONSES, EventsAnswer, IdempotencyKey, Prefer, receive, request_body
from schemas.event_topics import REFERENCE

ENVELOPE = "ReferenceCloudEvent"

router = APIRouter()


@router.post(
    "/reference",
    tags=["reference"],
    operation_id="postReference",
    summary="Send reference events",
    status_code=202,
    response_model=EventsAnswer,
    response_description="Kafka has acknowledged every event.",
    responses=RESPONSES,
    openapi_extra={"requestBody": request_body(REFERENCE.schema, ENVELOPE)},
)
async def post_reference(
    request: Request, key: Key, idempotency_key: IdempotencyKey = None, prefer: Prefer = None
) -> Response:
    """Takes stocks, shifts, grades, answers of the staff, suggestions and price lists, up to 1,000 in a batch.

    Needs scope `events:write`. Bodies, answers, limits and refusals are those of `POST /v1/events`. Of each natural key
    the latest by `occurred_at`, then `event_id`, counts, so sending again changes nothing. A key that is held to
    centers may not send what holds for all of them.
    """
    return await receive(request, key, REFERENCE, idempotency_key, prefer)
