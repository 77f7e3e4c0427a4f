"""Errors as RFC 9457 problem details; none repeats anything that the request said."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fixtrail.web.api.noted import TEST_HEADER, TEST_VALUE, note_of, tested

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:fixtrail:problem:"


class ProblemDetails(BaseModel):
    """What went wrong, as RFC 9457 says it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="What kind of problem: `urn:fixtrail:problem:` and a code.")
    title: str = Field(description="The same for people; always the same for a type.")
    status: int = Field(description="The HTTP status again.")
    detail: str = Field(description="What to do about this one.")
    test: bool | None = Field(default=None, description="True where the key is a test key; absent otherwise.")


class ApiError(Exception):
    """Ends a request with this answer. `code` says which of the documented problems it is; `more` adds members."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail
        self.headers = dict(headers or {})
        self.more = more

    def body(self) -> bytes:
        """The problem as JSON."""
        members = {
            "type": TYPE + self.code,
            "title": TITLES.get(self.code, HTTPStatus(self.status).phrase),
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return orjson.dumps(members)

    def response(self) -> Response:
        return Response(self.body(), self.status, {"Cache-Control": "no-store", **self.headers}, MEDIA_TYPE)


# Every problem that the API answers with: code → title.
TITLES = {
    "not-found": "There is no such thing here",
    "ambiguous-order": "Several centers have an order with this number",
    "method-not-allowed": "This cannot be done here",
    "invalid-request": "The request is not as described",
    "unauthenticated": "A valid API key is needed",
    "scope-missing": "The API key does not allow this",
    "not-allowed": "The API key does not allow what was sent",
    "unsupported-media-type": "The content type is none of those taken",
    "unreadable-body": "The body cannot be read",
    "body-too-slow": "The body did not arrive in time",
    "too-large": "More than is taken in one request",
    "refused": "No event was accepted",
    "idempotency-key-invalid": "The Idempotency-Key cannot be used",
    "idempotency-key-in-use": "The first request with this Idempotency-Key is still under way",
    "idempotency-key-reused": "The Idempotency-Key belongs to another request",
    "rate-limited": "Too many events or requests",
    "busy": "Too much is under way",
    "kafka-away": "Kafka has not acknowledged",
    "ledger-away": "The ledger of messages is away",
    "keys-away": "The store of personal keys is away",
    "log-away": "The log of requests is away",
    "not-ready": "The journeys are still being read",
    "internal-error": "A fault of ours",
}


def invalid_request(errors: Sequence[Any]) -> ApiError:
    """pydantic's errors: location and reason, never the value."""
    reasons = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in errors[:5])
    return ApiError(422, "invalid-request", reasons)


def problem_responses(*statuses: int, model: str = "ProblemDetails") -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these error statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{model}"}}}
    return {status: {"description": _STATUS_TEXTS[status], "content": content} for status in statuses}


_STATUS_TEXTS = {
    400: "The body, or a header, cannot be read.",
    401: "No valid API key.",
    403: "The API key does not allow this.",
    404: "There is no such thing, or none that the API key may see.",
    408: "The body did not arrive within 30 s.",
    409: "The first request with this Idempotency-Key is still under way, or several centers have the order number.",
    413: "Too many events, or too many bytes.",
    415: "The content type is none of those taken.",
    422: "Refused: see the items, or the detail.",
    429: "Too many events or wrong keys; `Retry-After` says when there is room again.",
    503: "Not now: send it again after `Retry-After`.",
}


def _tested(request: Request, error: ApiError) -> ApiError:
    """The error, which says so where the key is a test key."""
    error.more = tested(error.more, note_of(request).is_test)
    return error


def speak_problems(app: FastAPI) -> None:
    """Let every error of this application be a problem."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return _tested(request, error).response()

    async def http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "invalid-request")
        details = {404: "No resource has this address.", 405: "The resource takes other methods."}
        detail = details.get(error.status_code, "The request cannot be answered.")
        return ApiError(error.status_code, code, detail, headers=error.headers).response()

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _tested(request, invalid_request(error.errors())).response()

    async def fault(request: Request, _: Exception) -> Response:
        # The server logs it. This answer passes no middleware.
        error = _tested(request, ApiError(500, "internal-error", "It is in the log. Trying again may help."))
        error.headers.update({TEST_HEADER: TEST_VALUE} if note_of(request).is_test else {})
        return error.response()

    app.add_exception_handler(ApiError, problem)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, fault)
