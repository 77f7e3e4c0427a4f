"""A TCP proxy on 127.0.0.1 that can be told to misbehave: what a network does to the boxes behind it.

`pass` hands everything on. `refuse` listens no more and resets what was open. `reset` resets every connection, old and
new. `blackhole` accepts and hands nothing on until it is over, then goes on where it was. `delay` holds every piece
back. `cut` serves requests but resets the connection instead of handing on what is answered: done, and not known to be.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from typing import Literal

Mode = Literal["pass", "refuse", "reset", "blackhole", "delay", "cut"]
HOST = "127.0.0.1"
PIECE = 64 * 1024


class Proxy:
    """One listening port that leads to one other; all proxies share a thread. `counts` tells what it did."""

    def __init__(self, port: int, target: int, host: str = HOST) -> None:
        self.port, self.target, self._host = port, target, host
        self.counts: Counter[str] = Counter()
        self._mode: Mode = "pass"
        self._delay_s = 0.0
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        _LOOP.run(self._listen)

    def stop(self) -> None:
        """Listen no more and close everything."""
        _LOOP.run(lambda: self._set("refuse", 0.0))

    def set(self, mode: Mode, delay_s: float = 0.0) -> None:
        """Behave so from now on."""
        _LOOP.run(lambda: self._set(mode, delay_s))

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port, reuse_address=True, limit=PIECE)

    async def _set(self, mode: Mode, delay_s: float) -> None:
        self._mode, self._delay_s = mode, delay_s
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
        if mode in ("refuse", "reset"):
            if mode == "refuse" and self._server is not None:
                self._server.close()
                self._server = None
            for writer in list(self._open):
                self.counts[mode] += 1
                _reset(writer)
        if mode != "refuse" and self._server is None:
            await self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            await self._gate()
            back, there = await asyncio.open_connection(HOST, self.target, limit=PIECE)
            self._open.add(there)
            await asyncio.gather(self._pump(reader, there, False), self._pump(back, writer, True))
        except (OSError, _CutError):
            pass
        finally:
            for stream in (writer, there):
                if stream is not None:
                    self._open.discard(stream)
                    _reset(stream)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        while piece := await reader.read(PIECE):
            if is_answer and self._mode == "cut":
                self.counts["cut"] += 1
                raise _CutError
            await self._gate()
            writer.write(piece)
            await writer.drain()
        # Who says no more may still listen.
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _gate(self) -> None:
        """Return once something may pass. Raises _CutError where the connection is to be reset."""
        while self._mode == "blackhole":
            self.counts["blackhole"] += 1
            await self._changed.wait()
        if self._mode == "reset":
            self.counts["reset"] += 1
            raise _CutError
        if self._mode == "delay":
            self.counts["delay"] += 1
            await asyncio.sleep(self._delay_s)


class _CutError(Exception):
    """The connection ends here."""


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST rather than FIN, as a dead host or a firewall would."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError, RuntimeError):
        writer.transport.abort()


class _Loop:
    """An event loop on a thread of its own, started when it is first needed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, job: Callable[[], object]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True).start()
        asyncio.run_coroutine_threadsafe(job(), self._loop).result(30)  # type: ignore[arg-type]


_LOOP = _Loop()
