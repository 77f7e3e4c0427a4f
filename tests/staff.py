"""The staff's pages without a stack: the application in this process, journeys by hand, ClickHouse by a function."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import orjson
from argon2 import PasswordHasher

from fixtrail.all_settings import Settings
from fixtrail.web.accounts import passwords
from fixtrail.web.accounts.users import Account, write_users
from fixtrail.web.app import create_app
from fixtrail.web.board.figures import Figures
from fixtrail.web.config import web_config
from fixtrail.web.context import Web, make_web
from runtime.failure import ExitError
from runtime.progress import Progress
from tests.workshop import Sent, facts_after

PASSWORD = "correct horse battery"
# Tests sign in often, and hash weakly for it; what passwords cost for real has a test of its own.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=256, parallelism=1)
HASHED = passwords.hash_password(PASSWORD)
CENTERS = """
[[center]]
id = "C1"
name = "浦东"
name_en = "Pudong"
region = "East"
wave = 1
time_zone = "UTC"

[[center]]
id = "C2"
name = "朝阳"
name_en = "Chaoyang"
region = "North"
wave = 2
time_zone = "UTC"
"""
_TOKEN = re.compile(r'name="form_token" value="([^"]*)"')
Rows = Callable[[str, Mapping[str, str]], list[dict[str, Any]]]


def away(text: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """A ClickHouse that does not answer."""
    raise ExitError("ClickHouse cannot be reached")


@dataclass
class Staff:
    """The pages and who opens them."""

    web: Web
    home: str = "http://board.test"

    @contextmanager
    def browser(self, home: str | None = None, **options: Any) -> "Iterator[Browser]":
        """A browser without cookies."""
        transport = httpx.ASGITransport(app=self.app, client=(options.pop("address", "192.0.2.7"), 4711))
        yield Browser(httpx.AsyncClient(transport=transport, base_url=home or self.home, **options))

    @cached_property
    def app(self) -> Any:
        return create_app(self.web)

    def know(self, *events: Sent) -> None:
        """Let the read model have the journeys of these events."""
        self.web.journeys.table.apply(record(fact["order_id"], fact) for fact in facts_after(*events).values())
        self.web.journeys.read.set()


class Browser:
    """Asks for pages and sends the forms that are on them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def send(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Post a form with the token that is on a page."""
        token = token_of(await self.get(page))
        return await self.client.post(action, data={"form_token": token, **fields})

    async def sign_in(self, name: str, password: str = PASSWORD, then: str = "/ops") -> httpx.Response:
        return await self.send(f"/login?next={then}", "/login", name=name, password=password, next=then)


def token_of(page: httpx.Response) -> str:
    match = _TOKEN.search(page.text)
    assert match, page.text[:500]
    return match[1]


def record(key: str, fact: Any) -> SimpleNamespace:
    """As it comes from Kafka."""
    return SimpleNamespace(key=key.encode(), value=orjson.dumps(fact, default=str), headers=(), offset=0, partition=0)


def staff(
    folder: Path,
    accounts: Iterable[tuple[str, str, tuple[str, ...]]] = (),
    *,
    rows: Rows = away,
    now: int | None = None,
    **settings: Any,
) -> Staff:
    """The pages with these accounts (name, role, centers) and one password for all; `now` stops the board's clock."""
    (folder / "centers.toml").write_text(CENTERS)
    write_users(
        folder / "users.toml",
        {name: Account(name=name, role=role, centers=visible, password=HASHED) for name, role, visible in accounts},
    )
    own_settings = Settings(
        data=folder,
        kafka="127.0.0.1:1",
        clickhouse="http://127.0.0.1:1",
        hash_key="a key for these tests, long enough",
        **settings,
    )
    web = make_web(web_config(own_settings), Progress())
    web.ops.access.sessions.records.read.set()
    ops = replace(web.ops, ask=rows, figures=Figures(rows, kept_s=0.0))
    if now is not None:
        ops = replace(ops, clock=lambda: now)
    return Staff(replace(web, ops=ops))
