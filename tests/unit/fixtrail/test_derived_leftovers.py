"""Tables of runs that died are dropped, with parameters that ClickHouse takes."""

from types import SimpleNamespace
from typing import Any

from fixtrail.recompute.derived_facts import DerivedFacts


class Client:
    """Answers every query with one table and keeps the parameters."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}
        self.commands: list[str] = []

    def query(self, query: str, parameters: dict[str, Any]) -> Any:
        self.parameters = parameters
        return SimpleNamespace(result_rows=[("derived_orders_1",)])

    def command(self, text: str, **_: Any) -> None:
        self.commands.append(text)


def test_the_time_before_which_a_run_has_died_is_a_whole_second():
    client = Client()

    DerivedFacts(client).drop_leftovers()

    assert type(client.parameters["before"]) is int
    assert client.commands == ["DROP TABLE IF EXISTS fixtrail_raw.derived_orders_1 SYNC"]
