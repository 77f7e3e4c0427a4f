"""The dashboards' SQL is right on the real schema, and Grafana is given what it needs to ask it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all  # noqa: F401
from tests.paths import ROOT

GRAFANA = ROOT / "compose/grafana"
SOURCE = yaml.safe_load((GRAFANA / "provisioning/datasources/clickhouse.yml").read_text())["datasources"][0]


def queries() -> Iterator[tuple[str, str]]:
    """Every query to ClickHouse of the dashboards and of their variables, by where it stands."""
    for path in sorted((GRAFANA / "dashboards").glob("*.json")):
        dashboard: dict[str, Any] = json.loads(path.read_text())
        for variable in dashboard.get("templating", {}).get("list", ()):
            if variable.get("datasource", {}).get("uid") == SOURCE["uid"]:
                yield f"{path.stem}: ${variable['name']}", variable["query"]
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                if target["datasource"]["uid"] == SOURCE["uid"]:
                    yield f"{path.stem}: {panel['title']}", target["rawSql"]


QUERIES = dict(queries())


def as_asked(sql: str) -> str:
    """The query with the macros of Grafana's ClickHouse plugin and the variables filled in."""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 >= toDateTime(1767225600) AND \1 <= toDateTime(1798761600)", sql)
    sql = re.sub(r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 300 second)", sql)
    return re.sub(r"\$\{\w+:singlequote\}", "'east-01','east-02'", sql)


def test_there_are_dashboards_for_operations_nps_and_pipeline():
    assert {name.partition(":")[0] for name in QUERIES} == {"operations", "nps", "pipeline"}
    assert len(QUERIES) > 20


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_can_be_asked_by_the_reader(clickhouse: ClickHouseNode, name: str) -> None:  # noqa: F811
    sql = as_asked(QUERIES[name])

    assert "$" not in sql
    clickhouse.ask(sql, user="reader")


def test_grafana_has_the_plugin_the_login_and_the_network():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    grafana = services["grafana"]

    assert SOURCE["type"] in grafana["environment"]["GF_PLUGINS_PREINSTALL"]
    assert "FIXTRAIL_CLICKHOUSE_READER_PASSWORD" in grafana["environment"]
    assert SOURCE["secureJsonData"] == {"password": "$FIXTRAIL_CLICKHOUSE_READER_PASSWORD"}
    assert SOURCE["jsonData"]["host"] in services
    assert set(grafana["networks"]) & set(services["clickhouse"]["networks"])
