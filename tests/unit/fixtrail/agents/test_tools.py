"""What agents are offered, and what they are refused, whatever protocol they speak."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fixtrail.agents import tools as agents
from fixtrail.agents.server import run_server, tools_of
from fixtrail.agents.tools import NOT_DEFINED, RefusedError, Tools
from fixtrail.settings import ReportSettings
from runtime.failure import REFUSED, ExitError


@pytest.fixture
def tools() -> Tools:
    return Tools(ReportSettings(clickhouse="http://127.0.0.1:1"))


def answering(monkeypatch: pytest.MonkeyPatch, *pieces: bytes) -> None:
    """Let ClickHouse answer these bytes."""

    def query(*_: Any) -> Iterator[bytes]:
        return iter(pieces)

    monkeypatch.setattr(agents.sql, "query", query)


def test_every_figure_is_listed_and_described(tools: Tools):
    names = [figure["figure"] for figure in json.loads(tools.list_figures())]

    assert "wait_mean_s" in names
    assert json.loads(tools.describe_figure("ftfr"))["version"] >= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"figure": "nps_score"}, "nearest is nps"),
        ({"figure": "nps", "by": "technician"}, "is not defined"),
        ({"figure": "nps", "where": ["lane"]}, "is written"),
        ({"figure": "nps", "where": ["lane=quick", "group=brakes"]}, "cannot be combined"),
        ({"figure": "nps", "since": "yesterday"}, "a day such as"),
    ],
)
def test_what_is_not_defined_is_refused_before_anything_is_asked(tools: Tools, arguments: dict[str, Any], words: str):
    with pytest.raises(RefusedError, match=words):
        tools.get_figure(**arguments)


def test_an_answer_of_sql_is_marked_and_has_a_limit(tools: Tools, monkeypatch: pytest.MonkeyPatch):
    answering(monkeypatch, b'{"meta":[{"name":"n"}],"data":[[3]]}')
    assert json.loads(tools.run_sql("SELECT 3 AS n")) == {"note": NOT_DEFINED, "columns": ["n"], "rows": [[3]]}
    answering(monkeypatch, b"a,b\n")
    assert json.loads(tools.run_sql("SELECT 3 FORMAT CSV")) == {"note": NOT_DEFINED, "text": "a,b\n"}
    answering(monkeypatch, *[b"x" * 65536] * 5)
    with pytest.raises(RefusedError, match="larger than 256 KiB"):
        tools.run_sql("SELECT 1")


def test_an_order_is_told_once_its_center_is_clear_and_without_whose_it_is(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
):
    row = {"order_id": "R1", "vehicle_key": "k", "customer_key": "c", "wait_s": 60.5, "comeback_center_id": None}
    row |= {"version": 2, "event_count": 2}
    answering(monkeypatch, *(json.dumps({**row, "center_id": center}).encode() + b"\n" for center in ("C1", "C2")))
    with pytest.raises(RefusedError, match="one of C1, C2"):
        tools.explain_order("R1")
    held = Tools(ReportSettings(clickhouse="http://127.0.0.1:1"), ["C2"])
    story = json.loads(held.explain_order("R1"))

    answer = {"comeback_center_id": None, "version": 2, "event_count": 2}
    assert story["order"] == {"order_id": "R1", "center_id": "C2", "wait_s": 60.5} | answer


def test_where_an_order_came_back_to_is_told_to_who_may_see_that_center(monkeypatch: pytest.MonkeyPatch):
    came_back = {"comeback_order_id": "W-9", "comeback_center_id": "C2"}
    row = {"order_id": "R1", "center_id": "C1", "vehicle_key": "v", "version": 9, "event_count": 6} | came_back
    answering(monkeypatch, json.dumps(row).encode() + b"\n")
    settings = ReportSettings(clickhouse="http://127.0.0.1:1")

    def came_back_as(centers: list[str] | None) -> tuple[str | None, int]:
        order = json.loads(Tools(settings, centers).explain_order("R1"))["order"]
        return order["comeback_order_id"], order["version"]

    # The version counts the vehicle's events at every center.
    assert came_back_as(["C1"]) == (None, 6)
    assert came_back_as(["C1", "C2"]) == ("W-9", 6)
    assert came_back_as(None) == ("W-9", 9)


def test_who_is_held_to_centers_is_offered_no_sql(tools: Tools):
    held = Tools(ReportSettings(), ["C1"])

    assert tools.run_sql in tools_of(tools, with_sql=True)
    assert len(tools_of(held, with_sql=True)) == len(tools_of(tools, with_sql=False)) == 4


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)

    with pytest.raises(ExitError, match=r"fixtrail\[mcp\]") as failure:
        run_server(ReportSettings(), None, with_sql=True)
    assert failure.value.exit_code == REFUSED
