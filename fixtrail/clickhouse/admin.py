"""ClickHouse for Fixtrail's own commands: the connection that may write, and its administration."""

from itertools import chain
from pathlib import Path
from typing import Any

from fixtrail.settings import ClickHouseSettings
from runtime.failure import REFUSED, USAGE, ExitError, exit_on
from sinks.clickhouse.connection import ClickHouse, connect

# Seconds that a query over the whole of a table may take.
LONG_QUERY_S = 3600


def server_of(settings: ClickHouseSettings) -> ClickHouse:
    """Where ClickHouse is, and the login that may write. Raises NoEndpointError where nothing says where it is."""
    user, password = settings.writer_login()
    return ClickHouse(settings.clickhouse_url(), user, password, settings.clickhouse_ca, settings.clickhouse_tables())


def writing_client(settings: ClickHouseSettings, *, timeout_s: int = 30) -> Any:
    """A clickhouse-connect client that may write. Raises ExitError where ClickHouse cannot be used."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    server = server_of(settings)
    try:
        return connect(server, timeout_s=timeout_s)
    except (ClickHouseError, ValueError) as error:
        error_text = str(error).splitlines()[0]
        raise ExitError(f"ClickHouse at {server.url} cannot be used as {server.user}: {error_text}") from None


def require_single(settings: ClickHouseSettings, action: str) -> None:
    """Raises ExitError (2) where ClickHouse's tables are laid out over a cluster."""
    layout = settings.clickhouse_tables()
    if not layout.is_single:
        raise ExitError(
            f"{action} works with ClickHouse's layout single alone, not {layout.kind} (docs/operators.md, Clusters)",
            USAGE,
        )


def migrate_clickhouse(settings: ClickHouseSettings) -> list[str]:
    """Bring ClickHouse to this version's tables and views, and to how long it keeps rows; the migrations applied.

    Raises ExitError where ClickHouse cannot be reached, and 78 where its schema does not belong to this version.
    """
    from sinks.clickhouse.connection import every_server, layout_of
    from sinks.clickhouse.migrations import MigrationError, migrate
    from sinks.clickhouse.retention import set_retention

    client = writing_client(settings)
    user, _ = settings.writer_login()
    with exit_on(MigrationError, code=REFUSED):
        applied = [migrate(server, layout=layout_of(client), definer=user) for server in every_server(client)]
    set_retention(client, settings.clickhouse_days)
    return list(dict.fromkeys(chain.from_iterable(applied)))


def load_centers(settings: ClickHouseSettings, file: Path) -> int:
    """Make the centers of a TOML file the only ones in ClickHouse; their number. Raises ExitError for a bad file."""
    from schemas.toml_file import TomlFileError
    from sinks.clickhouse import centers

    with exit_on(TomlFileError):
        return centers.load_centers(writing_client(settings), file)
