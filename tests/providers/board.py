"""A receiver of what ops channels say."""

import json
from collections.abc import Iterator

import pytest
from aiohttp import web

from tests.providers.server import Provider


class Board(Provider):
    """What ops channels say, through Apprise, to a plain HTTP endpoint."""

    async def take(self, request: web.Request, body: bytes) -> web.StreamResponse:
        self.accepted.append(json.loads(body)["message"])
        return web.Response(status=200)


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as provider:
        yield provider
