"""The notebook for analysts runs from its first cell to its last on simulated orders."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import orjson
import pytest
from nbclient import NotebookClient

from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import load_scenario
from sinks.clickhouse.migrations import migrate
from tests.clickhouse_node import ClickHouseNode, start_clickhouse
from tests.paths import ROOT
from tests.warehouse import fill, settings_of


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseNode]:
    """A server with a few days of a few simulated centers."""
    node = start_clickhouse(tmp_path / "clickhouse")
    migrate(node.client())
    events = simulate(load_scenario("owners-story"), 1, 4, 3, datetime(2026, 1, 5, tzinfo=UTC))
    fill(node, [orjson.dumps(event) for _, event in events], ROOT / "examples/centers.toml")
    yield node
    node.stop()


@pytest.mark.long
def test_every_cell_runs(warehouse: ClickHouseNode, monkeypatch: pytest.MonkeyPatch):
    settings = settings_of(warehouse)
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE", settings.clickhouse_url())
    monkeypatch.setenv("FIXTRAIL_CLICKHOUSE_READER_PASSWORD", settings.reader_login()[1])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(ROOT / "examples/analysis.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"

    done = NotebookClient(notebook, timeout=300, kernel_name="python3").execute()

    outputs = [output for cell in done.cells for output in cell.get("outputs", ())]
    assert any("Spearman" in output.get("text", "") for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert sum("text/html" in output.get("data", {}) for output in outputs) == 3
