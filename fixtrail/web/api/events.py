"""`POST /v1/events`: events in over HTTP, with an answer for each of them."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from fixtrail.web.api.access import Key, require
from fixtrail.web.api.answers import Answer, parse_key
from fixtrail.web.api.bodies import EVENT, EVENT_BATCH, JSON, LINES, Body, Item, read_body, whole_body
from fixtrail.web.api.judge import NOT_ALLOWED, AcceptedEvent, RefusedItem, judge, strictly, within_size
from fixtrail.web.api.keys import ApiKey
from fixtrail.web.api.noted import note_of, tested
from fixtrail.web.api.problems import MEDIA_TYPE, ApiError, ProblemDetails, problem_responses
from fixtrail.web.api.state import ApiState, state_of
from fixtrail.web.api.traces import tracing
from runtime.clock import now_ms
from runtime.kafka.producer import KafkaUnavailableError
from runtime.store import StoreUnavailableError
from schemas.decode import without_envelope
from schemas.event_topics import SERVICE, EventTopic
from schemas.version import SCHEMA_HEADER

MOST_EVENTS = 1000
# So many are judged in one go; then others get their turn.
_JUDGED_AT_ONCE = 100
# A larger body is parsed on a thread.
PARSED_AT_ONCE_BYTES = 64 * 1024
RETRY_AFTER_S = 5

# Refused as a whole, one event gets the status that says why; a batch 422.
_UNREADABLE = frozenset({"empty", "not_utf8", "not_json", "not_an_object", "duplicate_key", "too_deep"})

Result = dict[str, Any]

router = APIRouter()


class ItemResult(BaseModel):
    """What became of one event of a request."""

    index: int = Field(description="Its place in the request, from 0.")
    status: Literal["accepted", "refused", "not_acknowledged", "not_sent"] = Field(
        description="`accepted`: all replicas of Kafka have it. `refused`: see `code`; it will be again. "
        "`not_acknowledged`: Kafka may have it or not. `not_sent`: Kafka does not have it. "
        "Of the last two, send it again with the same `event_id`."
    )
    code: str | None = Field(default=None, description="Why it was refused: the code that its dead letter would have.")
    reason: str | None = Field(default=None, description="The same as a sentence, without any value.")
    field: str | None = Field(default=None, description="The first field that is wrong, `quote.parts.0.unit_price`.")
    warnings: list[str] | None = Field(
        default=None,
        description="Fields of an accepted event that nobody reads: unknown, or optional and unreadable; and "
        "`center_id`, where the reference data do not know the center.",
    )


class EventsAnswer(BaseModel):
    """The events of a request, each with what became of it."""

    accepted: int
    refused: int
    items: list[ItemResult]
    test: bool | None = Field(
        default=None, description="True for a test key: all was checked, nothing was written. Absent otherwise."
    )


class EventsProblem(ProblemDetails, EventsAnswer):
    """A problem, and what became of each event."""

    accepted: int = 0
    refused: int = 0
    items: list[ItemResult] = Field(default=[], description="Absent where the request was refused as a whole.")


_LINES = {"type": "string", "description": "One event a line."}


def request_body(event: str, envelope: str) -> dict[str, Any]:
    """What OpenAPI says of a body of events; the names are those of the schemas."""
    plain, enveloped = {"$ref": f"#/components/schemas/{event}"}, {"$ref": f"#/components/schemas/{envelope}"}
    batch = {"type": "array", "minItems": 1, "maxItems": MOST_EVENTS}
    return {
        "required": True,
        "description": "One event or several, as the content type says. CloudEvents binary mode: `application/json` "
        "with the headers `ce-id`, `ce-source`, `ce-type` and `ce-specversion`. The bytes go on unchanged.",
        "content": {
            JSON: {"schema": {"anyOf": [plain, {**batch, "items": plain}]}},
            EVENT: {"schema": enveloped},
            EVENT_BATCH: {"schema": {**batch, "items": enveloped}},
            **{media_type: {"schema": _LINES} for media_type in LINES},
        },
    }


RESPONSES: dict[int | str, dict[str, Any]] = {
    207: {"model": EventsAnswer, "description": "Some events are accepted and with Kafka, the items say which."},
    **problem_responses(401, 408, 409, 415, 429),
    **problem_responses(400, 403, 413, 422, 503, model=EventsProblem.__name__),
}
IdempotencyKey = Annotated[
    str | None,
    Header(description="A string in quotes. A repeat within 24 hours gets the first answer, nothing is sent again."),
]
Prefer = Annotated[
    str | None,
    Header(description="`handling=strict`: nothing is sent unless every event is good and no field of it is ignored."),
]


@dataclass(frozen=True, slots=True)
class EventsReply:
    """The answer to a request. One that is not final may turn out another way when the request is repeated."""

    answer: Answer
    headers: Mapping[str, str]
    final: bool = True


@router.post(
    "/events",
    tags=["events"],
    operation_id="postEvents",
    summary="Send events",
    status_code=202,
    response_model=EventsAnswer,
    response_description="Kafka has acknowledged every event.",
    responses=RESPONSES,
    openapi_extra={"requestBody": request_body(SERVICE.schema, "CloudEvent")},
)
async def post_events(
    request: Request, key: Key, idempotency_key: IdempotencyKey = None, prefer: Prefer = None
) -> Response:
    """Takes one event, or up to 1,000 in a batch. What is answered as accepted is with all replicas of Kafka.

    Needs scope `events:write`. Each event is judged by itself: good ones are sent, others are refused with the code
    that their dead letter would have, and go nowhere. An event that is sent again under its `event_id` counts once, so
    whatever was not answered may be sent again.
    """
    return await receive(request, key, SERVICE, idempotency_key, prefer)


async def receive(
    request: Request, key: ApiKey, topic: EventTopic, idempotency_key: str | None, prefer: str | None
) -> Response:
    """The answer to a request that brings events of a topic. Raises ApiError."""
    require(key, "events:write")
    state = state_of(request)
    repeatable = parse_key(idempotency_key)
    strict = _is_strict(prefer)
    delivery = _Delivery(request, state, key, topic, strict)
    with state.room(key.id) as reserve:
        body = await whole_body(request, state.settings.api_body_bytes, reserve)
        if repeatable is None:
            return _response(await delivery.process(body))
        stored = state.answers.begin(key.id, repeatable, _fingerprint(request, topic, body, strict))
        if stored is not None:
            return _response(EventsReply(stored, {"Idempotent-Replayed": "true"}))
        reply = None
        try:
            reply = await delivery.process(body)
        finally:
            state.answers.end(key.id, repeatable, reply.answer if reply and reply.final else None)
        return _response(reply)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One request that brings events: who sends them, to which topic, and whether all must be good."""

    request: Request
    state: ApiState
    key: ApiKey
    topic: EventTopic
    strict: bool

    async def process(self, body: bytes) -> EventsReply:
        """Judge the items, send what is good, and say what became of each."""
        state = self.state
        quota = self.key.events_per_minute or state.settings.api_events_per_minute
        parsed = await _read(self.request, state, self.key, body, quota)
        headers = state.pace.consume(self.key.id, quota, len(parsed.items)).headers()
        verdicts = await self._encrypted(await self._judged(parsed.items))
        records = [verdict for verdict in verdicts if isinstance(verdict, AcceptedEvent)]
        refused = len(verdicts) - len(records)
        if not self._is_sent(verdicts):
            items = self._noted(parsed.items, _results(verdicts, repeat("not_sent")))
            status, code = _status_of(verdicts[0]) if parsed.single else (422, "refused")
            detail = "Nothing was sent, as Prefer: handling=strict asks." if records else "The items say why."
            return EventsReply(self._problem(status, code, detail, items), headers)
        results, acknowledged = await self._send(verdicts, records)
        items = self._noted(parsed.items, results)
        if not acknowledged:
            detail = "Send the request again: what Kafka has already counts once, by its event_id."
            headers = {**headers, "Retry-After": str(RETRY_AFTER_S)}
            return EventsReply(self._problem(503, "kafka-away", detail, items), headers, final=False)
        members = tested({"accepted": len(records), "refused": refused, "items": items}, self.key.test)
        return EventsReply(Answer(207 if refused else 202, orjson.dumps(members), "application/json"), headers)

    def _noted(self, items: Sequence[Item], results: list[Result]) -> list[Result]:
        """The results, counted and noted for the key's log."""
        note_of(self.request).note_items([item.value for item in items], results)
        if not self.key.test:
            _count(self.state, results)
        return results

    def _problem(self, status: int, code: str, detail: str, items: Sequence[Result]) -> Answer:
        counts = Counter(item["status"] for item in items)
        members = tested({"accepted": counts["accepted"], "refused": counts["refused"], "items": items}, self.key.test)
        return Answer(status, ApiError(status, code, detail, **members).body(), MEDIA_TYPE)

    async def _judged(self, items: Sequence[Item]) -> list[AcceptedEvent | RefusedItem]:
        verdicts = []
        now = now_ms()
        for number, item in enumerate(items, 1):
            verdicts.append(judge(item, self.key, now, self.state.limits, self.topic))
            if number % _JUDGED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return [strictly(verdict) for verdict in verdicts] if self.strict else verdicts

    def _is_sent(self, verdicts: Sequence[AcceptedEvent | RefusedItem]) -> bool:
        """Whether what is good goes to Kafka: there is some, and with `strict` nothing else."""
        good = [isinstance(verdict, AcceptedEvent) for verdict in verdicts]
        return all(good) if self.strict and good else any(good)

    async def _encrypted(self, verdicts: list[AcceptedEvent | RefusedItem]) -> list[AcceptedEvent | RefusedItem]:
        """The verdicts with the records as they go to Kafka; one that is too large so is refused."""
        if not self._is_sent(verdicts) or self.key.test or not self.topic.is_sealed:
            return verdicts
        records = [verdict for verdict in verdicts if isinstance(verdict, AcceptedEvent)]
        sealed = iter(await _sealed(self.state, records))
        most = self.state.limits.max_bytes
        return [
            within_size(next(sealed), most) if isinstance(verdict, AcceptedEvent) else verdict for verdict in verdicts
        ]

    async def _send(
        self, verdicts: Sequence[AcceptedEvent | RefusedItem], records: Sequence[AcceptedEvent]
    ) -> tuple[list[Result], bool]:
        """What became of every item, and whether Kafka has acknowledged all of those sent."""
        if self.key.test:
            return _results(verdicts, repeat("accepted")), True
        state = self.state
        with tracing(state.tracing, self.request.headers, len(records)) as trace:
            try:
                acknowledged = await state.producer.send(
                    self.topic.name, records, [("source", self.key.source.encode()), SCHEMA_HEADER, *trace.headers]
                )
            except KafkaUnavailableError:
                return _results(verdicts, repeat("not_sent")), False
            trace.acknowledged = all(acknowledged)
        statuses = iter("accepted" if is_acknowledged else "not_acknowledged" for is_acknowledged in acknowledged)
        return _results(verdicts, statuses), trace.acknowledged


async def _read(request: Request, state: ApiState, key: ApiKey, body: bytes, quota: int) -> Body:
    """The items of a body. One that is refused as a whole counts in the key's quota by its bytes."""
    state.pace.check(key.id, quota)
    try:
        if len(body) <= PARSED_AT_ONCE_BYTES:
            return read_body(body, request.headers, MOST_EVENTS)
        async with state.parsing:
            return await asyncio.to_thread(read_body, body, request.headers, MOST_EVENTS)
    except ApiError:
        state.pace.charge(key.id, quota, len(body))
        raise


async def _sealed(state: ApiState, records: Sequence[AcceptedEvent]) -> Sequence[AcceptedEvent]:
    """The records with their personal fields encrypted. Raises ApiError (503) where the store of keys is away."""
    if not state.settings.seal:
        return records
    values, headers = [record.value for record in records], [record.headers for record in records]
    try:
        sealed = await asyncio.to_thread(state.vault.seal, values, headers)
    except StoreUnavailableError:
        detail = "Nothing was sent; send the request again."
        raise ApiError(503, "keys-away", detail, headers={"Retry-After": str(RETRY_AFTER_S)}) from None
    return [
        record
        if value is record.value
        else replace(record, value=value, headers=tuple(without_envelope(record.headers)))
        for record, value in zip(records, sealed, strict=True)
    ]


def _results(verdicts: Sequence[AcceptedEvent | RefusedItem], statuses: Iterator[str]) -> list[Result]:
    """One result an item; `statuses` has the next status for each record among the verdicts."""
    return [
        _sent_result(index, verdict, next(statuses)) if isinstance(verdict, AcceptedEvent) else _refusal(index, verdict)
        for index, verdict in enumerate(verdicts)
    ]


def _sent_result(index: int, record: AcceptedEvent, status: str) -> Result:
    result: Result = {"index": index, "status": status}
    return {**result, "warnings": record.warnings} if record.warnings else result


def _refusal(index: int, refused: RefusedItem) -> Result:
    result: Result = {"index": index, "status": "refused", "code": refused.code, "reason": refused.reason}
    return result if refused.field is None else {**result, "field": refused.field}


def _status_of(verdict: AcceptedEvent | RefusedItem) -> tuple[int, str]:
    """Status and problem of a request whose only event is refused."""
    assert isinstance(verdict, RefusedItem)
    if verdict.code == "too_large":
        return 413, "too-large"
    if verdict.code in NOT_ALLOWED:
        return 403, "not-allowed"
    return (400, "unreadable-body") if verdict.code in _UNREADABLE else (422, "refused")


def _response(reply: EventsReply) -> Response:
    answer = reply.answer
    headers = {"Cache-Control": "no-store", **reply.headers}
    return Response(answer.body, answer.status, headers, answer.media_type)


def _count(state: ApiState, items: Sequence[Result]) -> None:
    for result, number in Counter(str(item.get("code", item["status"])) for item in items).items():
        state.progress.counts["api_items", result] += number


def _is_strict(prefer: str | None) -> bool:
    """RFC 7240 4.4: `handling=strict` asks that nothing is done where not all can be."""
    preferences = (
        preference.partition(";")[0].replace('"', "").strip().lower() for preference in (prefer or "").split(",")
    )
    return "handling=strict" in preferences


def _fingerprint(request: Request, topic: EventTopic, body: bytes, strict: bool) -> bytes:
    """What makes a request the same: its topic, its body, and the headers that say how to read it."""
    reading_headers = sorted(
        (name, value) for name, value in request.headers.items() if name.startswith(("ce-", "content-type"))
    )
    return hashlib.sha256(repr((topic.name, reading_headers, strict)).encode() + b"\n" + body).digest()
