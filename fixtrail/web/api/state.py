"""The state that all handlers of the API share."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from fixtrail.operations.topics import require_topic
from fixtrail.sealing import vault_of
from fixtrail.settings import ApiKeySettings, ApiSettings, client_options, tracing_of
from fixtrail.web.api.answers import Answers
from fixtrail.web.api.judge import EventLimits
from fixtrail.web.api.keys import KeyRing, key_file
from fixtrail.web.api.pace import KeyQuotas
from fixtrail.web.api.problems import ApiError
from fixtrail.web.api.request_log import MEBIBYTE, RequestLog
from fixtrail.web.estimates import Estimates
from fixtrail.web.journeys import Journeys
from fixtrail.web.queues import Queues
from runtime.kafka.producer import RenewingProducer, start_producer
from runtime.personal.vault import Vault
from runtime.progress import Progress
from runtime.tracing import Tracing
from schemas.topics import MAX_SENT_BYTES, SERVICE_EVENTS

# Of all bodies at once, and of those of one key: who holds it leaves room for the others.
BYTES_UNDER_WAY = 64 * 1024 * 1024
BYTES_OF_KEY = 32 * 1024 * 1024
BATCH_BYTES = 512 * 1024


@dataclass(slots=True)
class FigureDesk:
    """Computes a figure, one at a time: each asks ClickHouse a dozen queries. None where there is no ClickHouse."""

    compute: Callable[[Any], dict[str, Any]] | None = None
    computing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))


@dataclass(slots=True)
class ApiState:
    """Found by handlers with `state_of(request)`."""

    settings: ApiSettings
    journeys: Journeys
    progress: Progress
    keys: KeyRing
    producer: RenewingProducer
    tracing: Tracing | None
    limits: EventLimits
    vault: Vault
    requests: RequestLog
    estimates: Estimates | None = None
    queues: Queues | None = None
    pace: KeyQuotas = field(default_factory=KeyQuotas)
    answers: Answers = field(default_factory=Answers)
    figures: FigureDesk = field(default_factory=FigureDesk)
    bytes_under_way: Counter[str] = field(default_factory=Counter)
    # Parsing is done on threads, so that pages go on meanwhile; more at once would only wait for each other.
    parsing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    @contextmanager
    def room(self, key_id: str) -> Iterator[Callable[[int], None]]:
        """A function that counts a body's bytes as they come, until the body is processed.

        It raises ApiError (503) where too much of one key, or of all, is under way.
        """
        bytes_held = 0

        def reserve(size: int) -> None:
            nonlocal bytes_held
            all_bytes, of_key = self.bytes_under_way.total() + size, self.bytes_under_way[key_id] + size
            if all_bytes > BYTES_UNDER_WAY or of_key > BYTES_OF_KEY:
                raise ApiError(
                    503,
                    "busy",
                    "Too many events are under way. Nothing was accepted; send the request again.",
                    headers={"Retry-After": "1"},
                )
            self.bytes_under_way[key_id] += size
            bytes_held += size

        try:
            yield reserve
        finally:
            self.bytes_under_way[key_id] -= bytes_held
            if not self.bytes_under_way[key_id]:
                del self.bytes_under_way[key_id]


def make_state(
    settings: ApiSettings,
    journeys: Journeys,
    progress: Progress,
    centers: Callable[[], Collection[str]] = tuple,
    estimates: Estimates | None = None,
    queues: Queues | None = None,
) -> ApiState:
    """All parts, made from the settings; call it on the event loop that will serve. `centers` are the ids known."""
    return ApiState(
        settings=settings,
        journeys=journeys,
        progress=progress,
        keys=KeyRing(key_file(settings)),
        producer=event_producer(settings),
        tracing=tracing_of(settings, "web"),
        limits=EventLimits(settings.max_record_bytes, settings.max_ahead_s * 1000, centers),
        vault=vault_of(settings),
        requests=request_log(settings),
        estimates=estimates,
        queues=queues,
    )


def request_log(settings: ApiKeySettings) -> RequestLog:
    """The log of requests that FIXTRAIL_API_LOG names, by default a file in the data folder."""
    return RequestLog(settings.api_log_dsn(), settings.api_log_hours, settings.api_log_mib * MEBIBYTE)


def event_producer(settings: ApiSettings) -> RenewingProducer:
    """The producer of accepted events; it opens only where their topic exists."""

    async def start() -> Any:
        await require_topic(settings, SERVICE_EVENTS)
        return await start_producer(
            client_options(settings),
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * MAX_SENT_BYTES,
            request_timeout_ms=int(settings.api_ack_s * 1000),
        )

    return RenewingProducer(start, settings.api_ack_s)


def state_of(request: Request) -> ApiState:
    """The shared parts, from any handler."""
    state: ApiState = request.app.state.api
    return state
