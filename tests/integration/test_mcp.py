"""Agents over MCP: the same figures as `fixtrail ask`, refusals with the nearest, and no attack that comes through."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fixtrail.agents.tools import NOT_DEFINED
from fixtrail.cli.main import app
from fixtrail.reports.definitions import DEFINITIONS
from tests import feed
from tests import sql_attacks as attacks
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.paths import ROOT
from tests.warehouse import fill

__all__ = ["clickhouse_for_all"]

# An interpreter that has the extra `mcp`: `make test-mcp` makes one.
PYTHON = os.environ.get("FIXTRAIL_TEST_MCP")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="no FIXTRAIL_TEST_MCP; `make test-mcp` sets it")
START = (datetime.now(UTC) - timedelta(days=50)).replace(hour=0, minute=0, second=0, microsecond=0)


class Agent:
    """Speaks MCP with a server of its own, on its standard input and output."""

    def __init__(self, variables: Mapping[str, str], *options: str) -> None:
        command = [str(Path(str(PYTHON)).absolute()), "-m", "fixtrail", "mcp", *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **variables}
        )
        self._number = 0
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        self.ask("initialize", **about)
        self._say({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a request."""
        self._number += 1
        self._say({"jsonrpc": "2.0", "id": self._number, "method": method, "params": parameters})
        assert self.process.stdout is not None
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self._number:
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError("the server has ended")

    def call(self, tool: str, **arguments: Any) -> tuple[bool, str]:
        """Whether a tool has answered, and what it says."""
        result = self.ask("tools/call", name=tool, arguments=arguments)
        return not result.get("isError", False), result["content"][0]["text"]

    def _say(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Close its input; the exit code of the server."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


@pytest.fixture(scope="module")
def variables(clickhouse_for_all: ClickHouseNode) -> dict[str, str]:
    node = clickhouse_for_all
    node.empty()
    fill(node, feed.lines(feed.dirty(feed.clean_events(7, orders=200, vehicles=80, days=45, start=START), 7)))
    return {
        "FIXTRAIL_CLICKHOUSE": node.url,
        "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": node.passwords["reader"],
        "FIXTRAIL_HASH_KEY": "a secret of these tests, long enough",
    }


@pytest.fixture(scope="module")
def agent(variables: dict[str, str]) -> Iterator[Agent]:
    speaking = Agent(variables)
    yield speaking
    assert speaking.end() == 0


def test_the_tools_are_these(agent: Agent):
    tools = agent.ask("tools/list")["tools"]

    assert [tool["name"] for tool in tools] == [
        *("list_figures", "describe_figure", "get_figure", "explain_order", "run_sql")
    ]
    assert all(tool["description"] for tool in tools)
    assert {figure["figure"] for figure in json.loads(agent.call("list_figures")[1])} == {*DEFINITIONS}


@pytest.mark.parametrize(
    ("figure", "options"),
    [
        ("wait_mean_s", {"by": "center"}),
        ("nps", {"by": "week", "where": ["lane=quick"]} | {"by": None}),
        ("ftfr", {"since": str(START.date()), "until": str((START + timedelta(days=20)).date())}),
        ("complaints_per_100", {"by": "month"}),
        ("stockout_rate", {}),
    ],
)
def test_a_figure_is_that_of_ask_to_the_last_digit(
    agent: Agent, variables: dict[str, str], figure: str, options: dict[str, Any]
):
    named = {name: value for name, value in options.items() if value is not None}
    flags = {"by": "--by", "since": "--from", "until": "--to"}
    words = [word for name, flag in flags.items() if name in named for word in (flag, named[name])]
    words += [word for condition in named.get("where", ()) for word in ("--where", condition)]
    result = CliRunner().invoke(app, ["ask", figure, *words, "--json"], env=variables)
    assert result.exit_code == 0, result.output

    is_answered, text = agent.call("get_figure", figure=figure, **named)

    assert is_answered, text
    assert json.loads(text)["answers"] == json.loads(result.output)["answers"]
    assert json.loads(text)["answers"]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("get_figure", {"figure": "nps_score"}, "nearest is nps"),
        ("describe_figure", {"figure": "average wait"}, "nearest is wait"),
        ("get_figure", {"figure": "nps", "by": "technician"}, "is not defined"),
        ("get_figure", {"figure": "nps", "where": ["vehicle=V1"]}, "is not defined"),
        ("get_figure", {"figure": "nps", "since": "last week"}, "a day such as"),
        ("explain_order", {"order": "no-such"}, "there is no order"),
    ],
)
def test_what_is_not_defined_is_refused(agent: Agent, tool: str, arguments: dict[str, Any], words: str):
    is_answered, text = agent.call(tool, **arguments)

    assert not is_answered
    assert words in text


def test_an_order_is_told_without_whose_it_is(agent: Agent, clickhouse_for_all: ClickHouseNode):
    order, center = clickhouse_for_all.ask("SELECT order_id, center_id FROM fixtrail.orders LIMIT 1").split("\t")

    is_answered, text = agent.call("explain_order", order=order, center=center)

    assert is_answered, text
    story = json.loads(text)
    assert story["order"]["order_id"] == order
    assert "vehicle_key" not in text and "customer_key" not in text


def test_rows_of_a_query_are_marked(agent: Agent):
    is_answered, text = agent.call("run_sql", query="SELECT count() AS n FROM orders")

    assert is_answered
    assert json.loads(text) == {"note": NOT_DEFINED, "columns": ["n"], "rows": json.loads(text)["rows"]}


def test_no_attack_comes_through(agent: Agent):
    for name, query in attacks.REFUSED.items():
        is_answered, text = agent.call("run_sql", query=query)
        assert not is_answered, name
        assert "root:" not in text, name


def test_who_is_held_to_a_center_sees_no_other_and_no_sql(
    variables: dict[str, str], clickhouse_for_all: ClickHouseNode
):
    agent = Agent(variables, "--center", "C1")
    names = [tool["name"] for tool in agent.ask("tools/list")["tools"]]
    is_answered, text = agent.call("get_figure", figure="wait_mean_s", by="center")
    other_order = clickhouse_for_all.ask("SELECT order_id FROM fixtrail.orders WHERE center_id != 'C1' LIMIT 1")

    assert "run_sql" not in names
    assert is_answered, text
    assert {row["key"] for row in json.loads(text)["answers"]} <= {"C1"}
    assert not agent.call("explain_order", order=other_order)[0]
    assert agent.end() == 0
