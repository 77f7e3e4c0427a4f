"""Notes each request of a key for its log, and says of each answer to a test key that nothing was written."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fixtrail.web.api.keys import ApiKey
from fixtrail.web.api.request_log import RequestLog, RequestRecord
from runtime.clock import now_ms
from schemas.codes import WITHHELD, holds_address

TEST_HEADER, TEST_VALUE = "Fixtrail-Test", "nothing-written"
# So many events of a request are noted, those that were not accepted first.
MOST_ITEMS = 100
LONGEST_EVENT_ID = 128
# Whoever looks does not push out what they look for.
_UNNOTED = frozenset({"/requests"})
_PROBLEM = "application/problem+json"


@dataclass(slots=True)
class RequestNote:
    """What is known of a request so far."""

    at_ms: int
    key: ApiKey | None = None
    status: int = 0
    problem: str | None = None
    is_problem: bool = False
    replayed: bool = False
    items: tuple[dict[str, Any], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    items_left_out: int = 0

    @property
    def is_test(self) -> bool:
        return self.key is not None and self.key.test

    def note_items(self, values: Sequence[bytes], results: Sequence[Mapping[str, Any]]) -> None:
        """Note what became of the events of a body, each as its bytes."""
        counts: dict[str, int] = {}
        for result in results:
            counts[result["status"]] = counts.get(result["status"], 0) + 1
        self.counts = counts
        chosen = _refused_first(results)
        self.items = tuple(_noted(values[result["index"]], result) for result in chosen)
        self.items_left_out = len(results) - len(chosen)


def _refused_first(results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """As many results as are noted, in their order: those not accepted before others."""
    ranked = sorted(results, key=lambda result: (result["status"] == "accepted", result["index"]))[:MOST_ITEMS]
    return sorted(ranked, key=lambda result: int(result["index"]))


def _noted(value: bytes, result: Mapping[str, Any]) -> dict[str, Any]:
    code = {"code": result["code"]} if "code" in result else {}
    return {"index": result["index"], "event_id": event_id_of(value), "status": result["status"], **code}


def event_id_of(value: bytes) -> str | None:
    """The event's id as far as it can be read; a word in the place of one with a telephone number or address in it."""
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if isinstance(event, dict) and "event_id" not in event and isinstance(event.get("data"), dict):
        event = event["data"]
    event_id = event.get("event_id") if isinstance(event, dict) else None
    if not isinstance(event_id, str) or not event_id.isprintable() or not 0 < len(event_id) <= LONGEST_EVENT_ID:
        return None
    return WITHHELD if holds_address(event_id) else event_id


def note_of(request: Request) -> RequestNote:
    """The note of a request; one that goes nowhere where nobody keeps any."""
    note: RequestNote = request.scope.setdefault("state", {}).setdefault("note", RequestNote(0))
    return note


class Noted:
    """Hands every answered request of a valid key to the log."""

    def __init__(self, app: ASGIApp, requests: RequestLog) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        note = RequestNote(now_ms())
        scope["state"] = {**scope.get("state", {}), "note": note}

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note_start(note, message)
            elif note.is_problem and note.problem is None:
                note.problem = _problem_of(message.get("body", b""))
            await send(message)

        began = time.monotonic()
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path_format", "(none)")
            if note.key is not None and route not in _UNNOTED:
                self._requests.add(_record(note, scope["method"], route, time.monotonic() - began))


def _note_start(note: RequestNote, message: Message) -> None:
    headers = MutableHeaders(scope=message)
    note.status = message["status"]
    note.replayed = "idempotent-replayed" in headers
    note.is_problem = headers.get("content-type", "") == _PROBLEM
    if note.is_test:
        headers[TEST_HEADER] = TEST_VALUE


def _problem_of(body: bytes) -> str | None:
    try:
        return str(orjson.loads(body)["type"]).rpartition(":")[2]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _record(note: RequestNote, method: str, route: str, took_s: float) -> RequestRecord:
    assert note.key is not None
    failed = note.status == 0
    return RequestRecord(
        key_id=note.key.id,
        at_ms=note.at_ms,
        method=method,
        route=route,
        status=500 if failed else note.status,
        problem="internal-error" if failed else note.problem,
        test=note.is_test,
        replayed=note.replayed,
        took_ms=round(took_s * 1000),
        accepted=note.counts.get("accepted", 0),
        refused=note.counts.get("refused", 0),
        items=note.items,
        items_left_out=note.items_left_out,
    )


def tested(members: Mapping[str, Any], is_test: bool) -> dict[str, Any]:
    """The members of an answer, and `test` where nothing was written."""
    return {**members, "test": True} if is_test else dict(members)
