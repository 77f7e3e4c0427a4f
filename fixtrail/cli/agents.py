"""`fixtrail mcp`: defined figures for agents."""

from typing import Annotated

import typer

from fixtrail.cli.app import Data, app, settings_of


@app.command("mcp", epilog="Example:  FIXTRAIL_CLICKHOUSE=http://ch:8123 fixtrail mcp --center east-01")
def serve_agents(
    center: Annotated[
        list[str] | None, typer.Option("--center", metavar="ID", help="Only this center, without SQL; may be repeated.")
    ] = None,
    no_sql: Annotated[bool, typer.Option("--no-sql", help="Offer no tool for queries.")] = False,
    data: Data = None,
) -> None:
    """Serve agents over MCP on standard input and output: figures, orders, and SQL marked as no defined figure.

    Needs the extra `mcp`. It reads as the user who may only read the views, and ends with its input.
    """
    from fixtrail.agents.server import run_server

    run_server(settings_of(data), center, with_sql=not no_sql)
