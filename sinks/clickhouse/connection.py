"""Connections to a ClickHouse server, embedded or not."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver import options

from sinks.clickhouse.cluster_ddl import stored_in
from sinks.clickhouse.layout import SINGLE, Layout

# An answer up to this size needs no disk of the server's, which may be full: it would be sent without its rows.
ANSWER_BUFFER = {"buffer_size": str(1 << 20)}


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """Where a server is and who logs in: `url` is http(s)://host[:port], `ca` a file of trusted certificates.

    `layout` says how its tables are laid out.
    """

    url: str
    user: str
    password: str = field(repr=False)
    ca: Path | None = None
    layout: Layout = SINGLE


def connect(server: ClickHouse, *, timeout_s: int = 30) -> Any:
    """A clickhouse-connect client; may be used by several threads. Raises OperationalError while nobody answers."""
    # Or the driver imports pandas, 2 s and 60 MB, only to ask whether the rows of an insert are a data frame.
    for name in ("pd", "pd_time_test", "np"):
        vars(options).setdefault(name, None)
    parts = urlsplit(server.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"no URL of a ClickHouse server: {server.url!r}, expected http(s)://host:port")
    secure = parts.scheme == "https"
    client = clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port or (8443 if secure else 8123),
        secure=secure,
        ca_cert=str(server.ca) if server.ca else None,
        username=server.user,
        password=server.password,
        # On loopback and in one data center, compressing costs more than it saves.
        compress=False,
        connect_timeout=10,
        send_receive_timeout=timeout_s,
        # A session would allow one query at a time.
        autogenerate_session_id=False,
        tz_mode="aware",
        dedicated_pool=True,
        settings=server.layout.settings() | ANSWER_BUFFER,
    )
    return client if server.layout == SINGLE else LayoutClient(client, server)


class LayoutClient:
    """Passes on what Fixtrail asks, with the names of the layout's databases in it."""

    def __init__(self, client: Any, server: ClickHouse) -> None:
        self._client, self.server, self.layout = client, server, server.layout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def command(self, cmd: str, parameters: Any = None, *rest: Any, **options: Any) -> Any:
        return self._client.command(*self._renamed(cmd, parameters), *rest, **options)

    def query(self, query: str, parameters: Any = None, *rest: Any, **options: Any) -> Any:
        return self._client.query(*self._renamed(query, parameters), *rest, **options)

    def query_rows_stream(self, query: str, parameters: Any = None, *rest: Any, **options: Any) -> Any:
        return self._client.query_rows_stream(*self._renamed(query, parameters), *rest, **options)

    def raw_query(self, query: str, parameters: Any = None, *rest: Any, **options: Any) -> Any:
        return self._client.raw_query(*self._renamed(query, parameters), *rest, **options)

    def insert(self, table: str | None = None, *rest: Any, **options: Any) -> Any:
        return self._client.insert(table and self.layout.renamed(table), *rest, **options)

    def create_insert_context(self, table: str, *rest: Any, **options: Any) -> Any:
        return self._client.create_insert_context(self.layout.renamed(table), *rest, **options)

    def _renamed(self, text: str, parameters: Any) -> tuple[str, Any]:
        return self.layout.renamed(text), self.layout.renamed_parameters(parameters)


def layout_of(client: Any) -> Layout:
    """How the tables are laid out that a client of `connect` speaks to."""
    return client.layout if isinstance(client, LayoutClient) else SINGLE


def every_server(client: Any) -> Iterator[Any]:
    """A client for each server that must be told by itself what changes tables: one, but where nodes are named."""
    layout = layout_of(client)
    if not layout.nodes:
        yield client
        return
    for url in layout.nodes:
        node = connect(replace(client.server, url=url))
        try:
            yield node
        finally:
            node.close()


def change_rows(client: Any, table: str, change: str, parameters: Any = None, **options: Any) -> None:
    """ALTER a raw table where its rows are."""
    for server in every_server(client):
        server.command(f"ALTER TABLE {stored_in(layout_of(client), table)} {change}", parameters, **options)
