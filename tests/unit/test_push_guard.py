"""Webhook targets come from outside: none of them makes us call a machine of our own network."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from sinks.push.channel import Accepted, NotSent, Rejected, Unclear
from sinks.push.channels.webhook import Webhook
from sinks.push.config import WebhookSection
from sinks.push.guard import CheckedResolver, TargetRefused, is_public
from sinks.push.http import Http, is_allowed, origin_of
from tests.providers.messages import a_message

PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%eth0"),
    *("fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    *("2002:a00:1::1", "64:ff9b:1::1", "100::1", "2001::1", "not an address", ""),
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "223.5.5.5", "2400:3200::1", "2606:4700:4700::1111", "64:ff9b::808:808"]

# {port} is where a server of this machine listens that must not hear anything.
TARGETS = [
    *("http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://localhost:{port}/", "https://[::1]:{port}/"),
    *("https://0.0.0.0:{port}/", "https://[::]:{port}/", "https://[::ffff:127.0.0.1]:{port}/", "https://127.1:{port}/"),
    *(
        "https://2130706433:{port}/",
        "https://0x7f000001:{port}/",
        "https://0x7f.1:{port}/",
        "https://0177.0.0.1:{port}/",
    ),
    *("https://127.0.0.1.:{port}/", "https://localhost.:{port}/", "https://LOCALHOST:{port}/"),
    *("https://user:pw@127.0.0.1:{port}/", "https://example.com@127.0.0.1:{port}/", "https://127.0.0.1:{port}#@x.com/"),
    *("https://127。0。0。1:{port}/", "https://①②⑦.0.0.1:{port}/", "https://127.0.0.1%00.example.com:{port}/"),
    *("https://ip6-localhost:{port}/", "https://127.0.0.1:{port}\\@example.com/", "https://[64:ff9b::7f00:1]:{port}/"),
    *("file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "ftp://127.0.0.1:{port}/", "https://", "https:///x", "x"),
    *("//127.0.0.1:{port}/", "https://127.0.0.1:{port}/\r\nHost: x", "https://[::1%25lo]:{port}/", "https://:{port}/"),
]


@pytest.fixture(scope="module")
def bystander() -> Iterator[tuple[int, list[object]]]:
    """A server on loopback, IPv4 and IPv6, and every connection that it ever got."""
    heard: list[object] = []
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:

        def listen() -> None:
            while True:
                try:
                    connection, peer = server.accept()
                except OSError:
                    return
                heard.append(peer)
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_our_own_are_told_from_public_ones(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str):
    assert is_public(address)


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_reaches_this_machine(target: str, bystander: tuple[int, list[object]]):
    port, heard = bystander
    url = target.replace("{port}", str(port))

    async def send() -> object:
        channel = Webhook(WebhookSection(timeout_s=2), lambda _: b"secret")
        try:
            return await channel.send(a_message("data", url))
        finally:
            await channel.close()

    assert not isinstance(asyncio.run(send()), Accepted | Unclear)
    assert heard == []


@pytest.mark.parametrize("target", [each for each in TARGETS if each.startswith("http")])
def test_the_connection_itself_refuses_even_if_nobody_looked_at_the_url(
    target: str, bystander: tuple[int, list[object]]
):
    port, heard = bystander

    async def post() -> object:
        http = Http(public_only=True, keep=False)
        try:
            return await http.post(target.replace("{port}", str(port)), b"x", {}, 2)
        finally:
            await http.close()

    assert isinstance(asyncio.run(post()), Rejected | NotSent)
    assert heard == []


class Names(AbstractResolver):
    """A name server that gives one answer after the other, as one that is in an attacker's hands does."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0)
            for each in self._answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def test_of_mixed_answers_only_the_public_ones_are_called():
    found = await CheckedResolver(Names(["10.0.0.1", "1.1.1.1", "127.0.0.1"])).resolve("rebind.example", 443)

    assert [each["host"] for each in found] == ["1.1.1.1"]


async def test_a_name_of_our_own_network_is_refused():
    with pytest.raises(TargetRefused):
        await CheckedResolver(Names(["192.168.0.10"])).resolve("intranet.example", 443)


async def test_a_name_that_changes_its_mind_gains_nothing():
    """What is connected to is what was checked: the name is not asked again."""
    names = Names(["1.1.1.1"], ["127.0.0.1"])
    found = await CheckedResolver(names).resolve("rebind.example", 443)

    assert [each["host"] for each in found] == ["1.1.1.1"]
    assert len(names._answers) == 1


def test_only_named_hosts_are_called_where_they_are_named():
    assert is_allowed("https://crm.example.com/in", ("crm.example.com",), allow_private=False)
    assert not is_allowed("https://other.example.com/in", ("crm.example.com",), allow_private=False)
    assert not is_allowed("https://crm.example.com.evil.example/", ("crm.example.com",), allow_private=False)
    assert not is_allowed("http://crm.example.com/in", (), allow_private=False)


def test_an_origin_is_scheme_host_and_port():
    assert origin_of("https://Crm.Example.com/a?b") == "https://crm.example.com:443"
    assert origin_of("http://h:8080/") == "http://h:8080"
    assert origin_of("https://h:99999/") is None
