"""Every view says what its columns mean, to any client, and the example queries of the page are right."""

import json

import pytest

from fixtrail.documents.sql_schema import View, views
from tests.clickhouse_node import ClickHouseNode, clickhouse, clickhouse_for_all  # noqa: F401

VIEWS = views()


def test_every_view_and_column_has_its_meaning(clickhouse: ClickHouseNode) -> None:  # noqa: F811
    answer = clickhouse.ask(
        "SELECT table, name, comment FROM system.columns WHERE database = 'fixtrail' ORDER BY table, position"
        " FORMAT JSONCompactEachRow"
    )
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, name, comment in map(json.loads, answer.splitlines()):
        columns.setdefault(table, []).append((name, comment))

    assert columns == {
        view.name: [
            (name, f"{meaning} [{unit}]" if unit else meaning) for name, (meaning, unit) in view.columns.items()
        ]
        for view in VIEWS
    }
    about = clickhouse.ask(
        "SELECT name, comment FROM system.tables WHERE database = 'fixtrail' FORMAT JSONCompactEachRow"
    )
    assert dict(map(json.loads, about.splitlines())) == {view.name: view.about for view in VIEWS}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_its_example_can_be_asked(clickhouse: ClickHouseNode, view: View) -> None:  # noqa: F811
    assert f"fixtrail.{view.name}" in view.example
    clickhouse.ask(view.example, user="reader")
