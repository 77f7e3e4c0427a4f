"""Which sessions there are and which were ended before their time: the compacted topic `staff-sessions` as a table."""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ConfigDict

from fixtrail.web.events import NotAcknowledgedError
from runtime.kafka.table import Table
from schemas.topics import STAFF_SESSIONS

AGAIN_S = 2.0
FLUSH_S = 5.0

# Value, key, topic: returns once all replicas have it, else raises NotAcknowledgedError.
Write = Callable[[bytes, bytes, str], Awaitable[None]]


class SessionRecord(BaseModel):
    """Under `session ID` one session; under `account IDENTITY`, that all begun until `ended_at` are over.

    Times are seconds since 1970. After `until` the record says nothing that is not so anyhow, and is dropped.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    identity: str
    name: str = ""
    via: str = "password"
    device: str = ""
    began_at: int = 0
    until: int
    ended_at: int | None = None


class SessionRecords(Table[SessionRecord]):
    """Every process reads them all, so what one of them ends is over in each, and after a restart."""

    def __init__(self) -> None:
        super().__init__(
            STAFF_SESSIONS,
            SessionRecord.model_validate_json,
            is_newer=lambda record, than: (record.ended_at or 0) >= (than.ended_at or 0),
            is_expired=lambda record, now: record.until * 1000 <= now,
        )
        self._outbox: dict[str, SessionRecord] = {}
        self._changed = asyncio.Event()
        self._is_sending = False

    def write(self, key: str, record: SessionRecord) -> None:
        """Let it count here at once; it is sent to the topic as soon as Kafka takes it."""
        self.replace(key, record)
        self._outbox[key] = record
        self._changed.set()

    async def flush(self) -> bool:
        """Whether all that was written is in the topic; waits for it a little, if there is somebody to send it."""
        deadline = asyncio.get_running_loop().time() + FLUSH_S
        while self._outbox and self._is_sending and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        return not self._outbox

    async def send(self, write: Write) -> None:
        """Send what is written until cancelled; while Kafka is away, try again."""
        self._is_sending = True
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._send_all(write)
            except NotAcknowledgedError:
                self._changed.set()
                await asyncio.sleep(AGAIN_S)

    async def _send_all(self, write: Write) -> None:
        while self._outbox:
            key, record = next(iter(self._outbox.items()))
            await write(record.model_dump_json().encode(), key.encode(), self.topic)
            if self._outbox.get(key) is record:
                del self._outbox[key]
