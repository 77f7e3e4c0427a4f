"""The tools over MCP, on standard input and output. Needs the extra `mcp`."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from fixtrail.agents.tools import RefusedError, Tools
from fixtrail.settings import ReportSettings
from runtime.failure import REFUSED, ExitError

INSTRUCTIONS = (
    "Figures of after-sales service centers. A number is only a figure where get_figure gives it: with n, a 95 % "
    "interval and a status. Say them with it. What is not defined is refused with the nearest that is; do not work "
    "around that with run_sql, whose rows are not defined figures. Shares are 0 to 1, times are seconds."
)


def run_server(settings: ReportSettings, centers: Iterable[str] | None, *, with_sql: bool) -> None:
    """Serve until standard input ends. Raises ExitError (78) where the extra `mcp` is not installed."""
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError as error:
        raise ExitError(f"this needs the extra `mcp` (pip install 'fixtrail[mcp]'): {error}", REFUSED) from None
    server = MCPServer("fixtrail", instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in tools_of(Tools(settings, centers), with_sql=with_sql):
        server.tool(structured_output=False)(_refusing(tool, ToolError))
    server.run("stdio")


def _refusing(tool: Callable[..., str], refusal: type[Exception]) -> Callable[..., str]:
    """The tool with its refusals as those of the protocol; anything else is a bug, and told without its text."""

    @wraps(tool)
    def call(*arguments: Any, **named: Any) -> str:
        try:
            return tool(*arguments, **named)
        except RefusedError as error:
            raise refusal(str(error)) from None

    return call


def tools_of(tools: Tools, *, with_sql: bool) -> list[Callable[..., str]]:
    """The tools that are offered: no SQL to whoever is held to centers, as a query would see all of them."""
    offered: list[Callable[..., str]] = [
        tools.list_figures,
        tools.describe_figure,
        tools.get_figure,
        tools.explain_order,
    ]
    return [*offered, tools.run_sql] if with_sql and tools.centers is None else offered
