"""The event and read API without a server or Kafka: requests go straight to the application."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtrail.all_settings import Settings
from fixtrail.web.api.app import create_api
from fixtrail.web.api.command import add_key
from fixtrail.web.api.state import ApiState, make_state
from fixtrail.web.journeys import Journeys
from runtime.kafka.producer import Header, KafkaUnavailableError, OutgoingRecord
from runtime.progress import Progress

SURVEY = {
    **{"event_id": "e1", "type": "survey", "order_id": "R1", "vehicle_id": "V1", "center_id": "C1"},
    **{"occurred_at": "2026-03-02T08:00:00.000Z", "score": 9},
}


class FakeProducer:
    """Takes what it is sent; `loses` says how many of the next records are not acknowledged."""

    def __init__(self) -> None:
        self.sent: list[tuple[OutgoingRecord, tuple[Header, ...]]] = []
        self.topic = "service-events"
        self.away = False
        self.loses = 0
        self.answer_after = asyncio.Event()
        self.answer_after.set()

    async def send(self, topic: str, records: Sequence[OutgoingRecord], headers: Sequence[Header] = ()) -> list[bool]:
        assert topic == self.topic
        if self.away:
            raise KafkaUnavailableError("Kafka does not answer")
        self.sent += [(record, tuple(headers)) for record in records]
        await self.answer_after.wait()
        lost, self.loses = min(self.loses, len(records)), 0
        return [True] * (len(records) - lost) + [False] * lost

    async def close(self) -> None:
        pass


class Api:
    """The application with a fake Kafka; `key` makes a key, `post` and `get` ask."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(
            data=folder, **{"hash_key": "a key for these tests, long enough", "seal": False, **settings}
        )
        self.progress = Progress()
        self.journeys = Journeys()
        self.state: ApiState = make_state(self.settings, self.journeys, self.progress)
        self.producer = FakeProducer()
        self.state.producer = self.producer  # type: ignore[assignment]
        self.app = create_api(self.state)
        self.text = self.key(scopes=["events:write", "orders:read", "centers:read"])

    def key(self, **allowed: Any) -> str:
        return add_key(self.settings, "dms", **{"scopes": ["events:write"], **allowed})[0]

    @property
    def values(self) -> list[bytes]:
        """What went to Kafka so far."""
        return [record.value for record, _ in self.producer.sent]

    async def post(
        self, body: Any, *, key: str | None = None, headers: Mapping[str, str] | None = None, path: str = "/events"
    ) -> httpx.Response:
        """POST of bytes as they are, or of anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        sent = {"content-type": "application/json", **self._login(key), **(headers or {})}
        return await self._ask("POST", path, content=content, headers=sent)

    async def agree(self, change: Any, *, key: str) -> httpx.Response:
        """POST of what a customer agrees to."""
        return await self._ask("POST", "/consents", json=change, headers=self._login(key))

    async def get(self, path: str, *, key: str | None = None) -> httpx.Response:
        return await self._ask("GET", path, headers=self._login(key))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, **more)

    def _login(self, key: str | None) -> dict[str, str]:
        text = self.text if key is None else key
        return {"authorization": f"Bearer {text}"} if text else {}


def problem_of(answer: httpx.Response) -> str:
    """The problem's code; asserts that it is one as RFC 9457 has it."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"] and body["detail"]
    code: str = body["type"].removeprefix("urn:fixtrail:problem:")
    assert code != body["type"]
    return code


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """An event API of its own, with a producer that keeps what it is given."""
    return Api(tmp_path)
