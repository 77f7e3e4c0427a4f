"""A receiver of webhooks that costs next to nothing, as a process of its own: counts ids, checks some signatures.

    python -m benchmarks.webhook_receiver EVERY

Prints its port, reads its secret from stdin, and answers each further line with one of JSON: requests, distinct ids,
signatures checked (every so manyth) and bad, and the times of the first and the last request.
"""

import asyncio
import json
import sys
import time

import uvloop
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Calls:
    def __init__(self, every: int) -> None:
        self.webhook: Webhook | None = None
        self.every = every
        self.ids: set[bytes] = set()
        self.requests = self.checked = self.forged = 0
        self.first_at = self.last_at = 0.0

    def take(self, head: bytes, body: bytes) -> None:
        self.last_at = time.time()
        self.first_at = self.first_at or self.last_at
        self.requests += 1
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        self.ids.add(headers[b"webhook-id"])
        if self.webhook and self.requests % self.every == 0:
            self.checked += 1
            try:
                self.webhook.verify(body, {name.decode(): value.decode() for name, value in headers.items()})
            except WebhookVerificationError:
                self.forged += 1

    def counts(self) -> str:
        counts = {"requests": self.requests, "ids": len(self.ids), "checked": self.checked, "forged": self.forged}
        return json.dumps({**counts, "first_at": self.first_at, "last_at": self.last_at})


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as much of it as one well-behaved client needs."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._held = calls, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end]
            at = head.lower().find(b"content-length: ")
            length = int(head[at + 16 :].partition(b"\r\n")[0])
            if len(self._held) < end + 4 + length:
                return
            self._calls.take(head, self._held[end + 4 : end + 4 + length])
            self._held = self._held[end + 4 + length :]
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def main(every: int) -> None:
    calls, loop = Calls(every), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(calls), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    calls.webhook = Webhook((await loop.run_in_executor(None, sys.stdin.readline)).strip())
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(calls.counts(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
