"""Connections to a ClickHouse server, embedded or not."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver import options


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """Where a server is and who logs in: `url` is http(s)://host[:port], `ca` a file of trusted certificates."""

    url: str
    user: str
    password: str = field(repr=False)
    ca: Path | None = None


def connect(server: ClickHouse, *, timeout_s: int = 30) -> Any:
    """A clickhouse-connect client; may be used by several threads. Raises OperationalError while nobody answers."""
    # Or the driver imports pandas, 2 s and 60 MB, only to ask whether the rows of an insert are a data frame.
    for name in ("pd", "pd_time_test", "np"):
        vars(options).setdefault(name, None)
    parts = urlsplit(server.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"no URL of a ClickHouse server: {server.url!r}, expected http(s)://host:port")
    secure = parts.scheme == "https"
    return clickhouse_connect.get_client(
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
    )
