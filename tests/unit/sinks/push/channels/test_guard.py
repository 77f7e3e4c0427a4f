"""Webhook targets come from outside: none of them makes us call a machine of our own network."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from sinks.push.channel import Accepted, NotSent, Rejected, Unclear
from sinks.push.channels.guard import CheckedResolver, TargetRefusedError, is_public
from sinks.push.channels.http import Http, is_allowed, origin_of
from sinks.push.channels.registry import open_channels
from sinks.push.channels.webhook import Webhook
from sinks.push.channels.webpush import new_private_key
from sinks.push.config import PushSettings, WebhookSection
from tests.providers.messages import a_message
from tests.providers.push_service import PushService
from tests.providers.server import Provider

PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%eth0"),
    *("fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    *("2002:a00:1::1", "64:ff9b:1::1", "100::1", "2001::1", "not an address", ""),
    *(
        "::ffff:0:7f00:1",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:a00:1",
        "100.100.100.200",
        "168.63.129.16",
        "64:ff9b::a83f:8110",
        "fd00:ec2::254",
        "fd20:ce::254",
        "127.1",
    ),
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
    *("https://0:{port}/", "https://127.0.1:{port}/", "https://017700000001:{port}/", "https://0x7f.0.0.0x1:{port}/"),
    *("https://[0:0:0:0:0:0:0:1]:{port}/", "https://[::ffff:7f00:1]:{port}/", "https://[::ffff:0:7f00:1]:{port}/"),
    *("https://%31%32%37.0.0.1:{port}/", "https://127%2e0%2e0%2e1:{port}/", "https://loc%61lhost:{port}/"),
    *("https:127.0.0.1:{port}/", "https:/127.0.0.1:{port}/", "https:///127.0.0.1:{port}/", "HTTPS://127.0.0.1:{port}/"),
    *("https://127.0.0.1\t:{port}/", "https://x.invalid?@127.0.0.1:{port}/", "https://x.invalid\\@127.0.0.1:{port}/"),
    *(
        "https://x.invalid:443@127.0.0.1:{port}/",
        "https://127.0.0.1:{port}%2F@x.invalid/",
        "https://127.0.0.1:0{port}/",
    ),
    *(
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://100.100.100.200/latest/meta-data/",
    ),
    *("//127.0.0.1:{port}/", "https://127.0.0.1:{port}/\r\nHost: x", "https://[::1%25lo]:{port}/", "https://:{port}/"),
]


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, list[object]]]:
    """A server on loopback, IPv4 and IPv6, and every connection that it ever got."""
    requests: list[object] = []
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:

        def listen() -> None:
            while True:
                try:
                    connection, peer = server.accept()
                except OSError:
                    return
                requests.append(peer)
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], requests
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def bystander() -> Iterator[tuple[int, list[object]]]:
    with listening() as server:
        yield server


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_our_own_are_told_from_public_ones(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str):
    assert is_public(address)


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_reaches_this_machine(target: str, bystander: tuple[int, list[object]]):
    port, requests = bystander
    url = target.replace("{port}", str(port))

    async def send() -> object:
        channel = Webhook(WebhookSection(timeout_s=2), (b"key",))
        try:
            return await channel.send(a_message("data", url))
        finally:
            await channel.close()

    assert not isinstance(asyncio.run(send()), Accepted | Unclear)
    assert requests == []


@pytest.mark.parametrize("target", [url for url in TARGETS if url.startswith("http")])
def test_the_connection_itself_refuses_even_if_nobody_looked_at_the_url(
    target: str, bystander: tuple[int, list[object]]
):
    port, requests = bystander

    async def post() -> object:
        http = Http(public_only=True, keep_alive=False)
        try:
            return await http.post(target.replace("{port}", str(port)), b"x", {}, 2)
        finally:
            await http.close()

    assert isinstance(asyncio.run(post()), Rejected | NotSent)
    assert requests == []


def test_no_browsers_endpoint_reaches_this_machine(
    bystander: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
):
    port, requests = bystander
    monkeypatch.setenv("VAPID_KEY", new_private_key())
    settings = {"webpush": {"private_key": "env:VAPID_KEY", "contact": "mailto:a@example.com", "timeout_s": 2}}
    channel = open_channels(PushSettings.model_validate(settings), (b"key",))["webpush"]
    keys = PushService().subscribe()["keys"]

    async def send_all() -> list[object]:
        urls = [target.replace("{port}", str(port)) for target in TARGETS]
        answers = [await channel.send(a_message("line", json.dumps({"endpoint": url, "keys": keys}))) for url in urls]
        await channel.close()
        return answers

    assert not [answer for answer in asyncio.run(send_all()) if isinstance(answer, Accepted | Unclear)]
    assert requests == []


def test_with_the_flag_for_tests_it_is_reached():
    """So the server above would have heard it."""
    with listening() as (port, requests):

        async def send() -> None:
            channel = Webhook(WebhookSection(timeout_s=2, allow_private=True), (b"key",))
            await channel.send(a_message("data", f"http://127.0.0.1:{port}/"))
            await channel.close()

        asyncio.run(send())
        assert requests


class Redirects(Provider):
    """Sends everybody elsewhere."""

    def __init__(self, status: int, elsewhere: str) -> None:
        super().__init__()
        self.status, self.elsewhere = status, elsewhere

    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=self.status, headers={"Location": self.elsewhere, "Refresh": f"0;{self.elsewhere}"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_receiver_cannot_send_us_on(status: int, bystander: tuple[int, list[object]]):
    port, requests = bystander

    async def send(url: str) -> object:
        channel = Webhook(WebhookSection(timeout_s=2, allow_private=True), (b"key",))
        try:
            return await channel.send(a_message("data", url))
        finally:
            await channel.close()

    with Redirects(status, f"http://127.0.0.1:{port}/") as provider:
        answer = asyncio.run(send(f"{provider.url}/in"))

    assert answer == Rejected(f"HTTP {status}: redirects are not followed")
    assert requests == []


class Names(AbstractResolver):
    """A name server that gives one answer after the other, as one that is in an attacker's hands does."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self._answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def test_of_mixed_answers_only_the_public_ones_are_called():
    resolved = await CheckedResolver(Names(["10.0.0.1", "1.1.1.1", "127.0.0.1"])).resolve("rebind.example", 443)

    assert [address["host"] for address in resolved] == ["1.1.1.1"]


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["169.254.169.254"], ["127.1"], []],
)
async def test_a_name_of_the_attackers_leads_nowhere(
    answers: list[str], bystander: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
):
    port, requests = bystander
    monkeypatch.setattr("sinks.push.channels.http.CheckedResolver", lambda: CheckedResolver(Names(answers)))
    channel = Webhook(WebhookSection(timeout_s=2), (b"key",))
    answer = await channel.send(a_message("data", f"https://rebind.example:{port}/"))
    await channel.close()

    assert answer == Rejected("the target is not on the public internet")
    assert requests == []


async def test_a_name_of_our_own_network_is_refused():
    with pytest.raises(TargetRefusedError):
        await CheckedResolver(Names(["192.168.0.10"])).resolve("intranet.example", 443)


async def test_a_name_that_changes_its_mind_gains_nothing():
    """What is connected to is what was checked: the name is not asked again."""
    names = Names(["1.1.1.1"], ["127.0.0.1"])
    resolved = await CheckedResolver(names).resolve("rebind.example", 443)

    assert [address["host"] for address in resolved] == ["1.1.1.1"]
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
