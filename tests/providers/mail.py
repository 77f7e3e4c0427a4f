"""A mail server (aiosmtpd) that takes, refuses, or goes away in the middle."""

import asyncio
import socket
from collections import deque
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """`accepted`: (recipients, message) of every mail taken. Moods: ok, lose, hang, or an SMTP reply code."""

    def __init__(self) -> None:
        self.accepted: list[tuple[list[str], Message]] = []
        self.requests = 0
        self.moods: deque[str | int] = deque()
        self.always: str | int = "ok"
        self.unknown: set[str] = set()
        self.hang_s = 30.0
        self._controller = _Controller(self, hostname="127.0.0.1", port=0)

    def __enter__(self) -> "MailServer":
        self._controller.start()
        self.port = self._controller.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._controller.server is not None:
            self._controller.stop(no_assert=True)

    def then(self, *moods: str | int) -> None:
        """The next mails meet these moods, one each."""
        self.moods.extend(moods)

    async def handle_RCPT(self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]) -> str:
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        self.requests += 1
        mood = self.moods.popleft() if self.moods else self.always
        if isinstance(mood, int):
            return f"{mood} not now"
        content: Any = envelope.content
        self.accepted.append((envelope.rcpt_tos, message_from_bytes(content, policy=default)))
        if mood == "lose":
            server.transport.abort()
        if mood == "hang":
            await asyncio.sleep(self.hang_s)
        return "250 OK"


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Greet the server once, on the port that it got: its own way to do so believes in port 0."""
        with socket.create_connection(self.server.sockets[0].getsockname(), 5) as client:
            client.recv(1024)
