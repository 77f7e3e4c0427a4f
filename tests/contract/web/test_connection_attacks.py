"""Attacks on the web server's connections over a real socket: slow, many, oversized, and gone in the middle."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtrail.web.config import RequestLimits
from tests.pages import PageServer

QUICK = RequestLimits(header_s=0.4, form_s=0.4, request_s=1.2, write_s=0.5)
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with PageServer(tmp_path_factory.mktemp("web"), limits=QUICK) as server:
        yield server


@contextmanager
def connection(pages: PageServer, *sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", pages.port), timeout=10) as wire:
        for piece in sent:
            wire.sendall(piece)
        yield wire


def read_to_end(wire: socket.socket) -> bytes:
    """What comes until the server closes; fails after 10 s."""
    received = b""
    try:
        while piece := wire.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def head(method: str, path: str, *lines: bytes) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: fixtrail\r\n".encode() + b"".join(lines) + b"\r\n"


@pytest.mark.parametrize(
    "sent", [b"", b"GET /login HT", b"GET /login HTTP/1.1\r\nHost: fixtrail\r\nX-Slow: 1"], ids=["none", "line", "half"]
)
def test_headers_that_do_not_arrive_end_the_connection(pages, sent):
    began = time.monotonic()
    with connection(pages, sent) as wire:
        assert read_to_end(wire) == b""
    assert 0.3 < time.monotonic() - began < 5


def test_a_byte_now_and_then_wins_no_time(pages):
    began = time.monotonic()
    with connection(pages, b"GET / HTTP/1.1\r\nHost: fixtrail\r\nX-Slow: ") as wire, pytest.raises(OSError):
        while time.monotonic() - began < 8:
            wire.sendall(b"x")
            time.sleep(0.05)
    assert time.monotonic() - began < 5


def test_the_second_request_of_a_connection_has_no_more_time(pages):
    with connection(pages, head("GET", "/login")) as wire:
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        wire.sendall(b"GET /login HT")
        began = time.monotonic()
        read_to_end(wire)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", ["/login", "/v1/events"])
def test_a_body_that_does_not_arrive_ends_the_request(pages, path):
    began = time.monotonic()
    with connection(pages, head("POST", path, FORM, b"Content-Length: 100\r\n"), b"name=lin&pass") as wire:
        answer = read_to_end(wire)
    assert answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 401"))
    assert time.monotonic() - began < 8


def test_a_late_form_is_told_so_on_a_page(pages):
    with connection(pages, head("POST", "/login", FORM, b"Accept-Language: en\r\n", b"Content-Length: 9\r\n")) as wire:
        answer = read_to_end(wire)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive in time" in answer


def test_a_body_that_nobody_reads_holds_no_connection(pages):
    began = time.monotonic()
    with connection(pages, head("POST", "/nothing-here", b"Content-Length: 100000\r\n")) as wire:
        assert wire.recv(65536).startswith(b"HTTP/1.1 404")
        with pytest.raises(OSError):
            while time.monotonic() - began < 8:
                wire.sendall(b"x")
                time.sleep(0.05)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", ["/login", "/v1/events", "/t/token", "/t/token/push", "/ops/alerts/1/acknowledge"])
def test_whoever_goes_away_within_a_body_leaves_nothing_in_the_log(pages, path, caplog):
    caplog.set_level(logging.WARNING)
    lines = [FORM, b"Content-Length: 100\r\n", b"Authorization: Bearer ftk_wrong\r\n"]
    for _ in range(3):
        with connection(pages, head("POST", path, *lines), b"name=lin"):
            time.sleep(0.05)
    time.sleep(0.3)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert pages.get("/login").status == 200


def test_a_reader_that_takes_nothing_is_let_go(pages):
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", pages.port))
        wire.settimeout(8)
        began = time.monotonic()
        # Asks for far more than the buffers on the way hold, and reads none of it.
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 30:
                wire.sendall(head("GET", "/static/ops/ops.css") * 10)
                time.sleep(0.01)


@pytest.mark.parametrize("size", [17_000, 70_000])
def test_a_long_header_is_refused_also_when_it_comes_at_once(pages, size):
    with connection(pages, head("GET", "/login", b"X-Long: " + b"a" * size + b"\r\n")) as wire:
        assert read_to_end(wire).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")) or size > 100_000
    with connection(
        pages, head("GET", "/login", b"X-Long: " + b"a" * 8_000 + b"\r\n", b"Connection: close\r\n")
    ) as wire:
        assert read_to_end(wire).startswith(b"HTTP/1.1 200")


def test_two_lengths_of_one_body_are_refused(pages):
    lines = [b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n"]
    with connection(pages, head("POST", "/login", *lines), b"0\r\n\r\nGET /login HTTP/1.1\r\n\r\n") as wire:
        answer = read_to_end(wire)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_one_address_has_only_so_many_connections(tmp_path: Path):
    with PageServer(tmp_path, limits=RequestLimits(streams_of_address=0)) as pages:
        most = RequestLimits(streams_of_address=0).connections_of_address
        connections = [socket.create_connection(("127.0.0.1", pages.port)) for _ in range(most)]
        with connection(pages) as wire:
            assert read_to_end(wire).startswith(b"HTTP/1.1 503")
        for wire in connections:
            wire.close()
        time.sleep(0.3)
        assert pages.get("/login").status == 200


def test_the_connections_of_a_trusted_proxy_are_those_of_all_visitors(tmp_path: Path):
    with PageServer(tmp_path, limits=RequestLimits(streams_of_address=0), web_proxies="10.0.0.1, 127.0.0.0/8") as pages:
        connections = [socket.create_connection(("127.0.0.1", pages.port)) for _ in range(200)]
        assert pages.get("/login").status == 200
        for wire in connections:
            wire.close()
