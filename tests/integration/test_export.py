"""Exports of a server's orders, held against its views, against the log that came in, and against PM4Py's reading."""

import asyncio
import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest

from fixtrail.export.history import ExportScope, OrderSource, id_of
from fixtrail.export.run import Export, ExportSummary, run_export, size_of
from fixtrail.imports.mapping import load_mapping
from fixtrail.imports.run import import_log
from fixtrail.imports.xes import XesReader
from fixtrail.procedures.file import read_procedures
from fixtrail.reports.options import Options
from fixtrail.reports.periods import ask_scope
from fixtrail.reports.procedures.judged import judge_orders
from fixtrail.reports.queries import query_runner
from tests import feed
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.paths import ROOT
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

SHARED = Path(os.environ.get("FIXTRAIL_SHARED_DATA", ROOT.parent / "shared" / "data"))
REPAIR_LOG = SHARED / "repair-example.xes.gz"
# An interpreter that has PM4Py: `make test-pm4py` makes one.
PM4PY = os.environ.get("FIXTRAIL_TEST_PM4PY")

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A filled server and where to write to."""

    node: ClickHouseNode
    folder: Path

    def export(self, name: str, scope: ExportScope | None = None, **options: Any) -> ExportSummary:
        form = "xes" if ".xes" in name else "ocel"
        export = Export(form, self.folder / name, scope or ExportScope(), **options)
        return run_export(settings_of(self.node), export)

    def ask(self, question: str) -> list[list[Any]]:
        answer = self.node.ask(f"{question} FORMAT JSONCompactEachRow", "reader")
        return [json.loads(line) for line in answer.splitlines()]


def rows_of(file: Path) -> list[Row]:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        return [row for _, row in XesReader(stream)]  # type: ignore[arg-type]


def by_case(rows: list[Row]) -> dict[str, list[Row]]:
    cases: dict[str, list[Row]] = {}
    for row in rows:
        cases.setdefault(row["case:concept:name"], []).append(row)
    return cases


def pm4py_figures(*files: Path) -> list[dict[str, Any]]:
    assert PM4PY is not None
    command = [PM4PY, str(ROOT / "tools" / "pm4py_figures.py"), *map(str, files)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.fixture(scope="module")
def workshops(clickhouse_for_all: ClickHouseNode, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    clickhouse_for_all.empty()
    start = datetime.now(UTC) - timedelta(days=40)
    events = feed.clean_events(3, orders=150, vehicles=60, days=30, start=start)
    fill(clickhouse_for_all, feed.lines(feed.dirty(events, 3)))
    return Warehouse(clickhouse_for_all, tmp_path_factory.mktemp("exports"))


def test_every_event_of_every_order_is_there(workshops: Warehouse) -> None:
    file = workshops.export("all.xes.gz")
    rows = rows_of(workshops.folder / "all.xes.gz")
    events = workshops.ask("SELECT center_id, order_id, event_id FROM fixtrail.events")

    assert (file.orders, file.events) == (len(by_case(rows)), len(rows))
    assert sorted((row["case:concept:name"], row["event_id"]) for row in rows) == sorted(
        (id_of(center_id, order_id), event_id) for center_id, order_id, event_id in events
    )


def test_memory_does_not_depend_on_how_much_there_is(workshops: Warehouse) -> None:
    """Read in many slices it is the same, in the same order."""
    source = OrderSource(settings_of(workshops.node), ExportScope())

    all_at_once, sliced = list(source.histories()), list(source.histories(slice_events=300))

    assert all_at_once == sliced
    assert len(all_at_once) > 100


def test_the_same_orders_give_the_same_bytes(workshops: Warehouse) -> None:
    for name in ("once.json.gz", "twice.json.gz"):
        workshops.export(name)

    once, twice = ((workshops.folder / name).read_bytes() for name in ("once.json.gz", "twice.json.gz"))
    assert once == twice


def test_the_stretches_of_a_visit_add_up_to_its_waits_and_its_work(workshops: Warehouse) -> None:
    workshops.export("stages.xes", stages=True)
    columns = ("wait_reception_s", "wait_approval_s", "wait_parts_s", "wait_bay_s", "touch_s", "pickup_s")
    touch = ("repair", "diagnosis", "quality")
    orders = by_case(rows_of(workshops.folder / "stages.xes"))

    for rows in orders.values():
        sums = dict.fromkeys(columns, 0)
        for row in rows:
            activity = row["concept:name"]
            name = "touch_s" if activity in touch else "pickup_s" if activity == "pickup" else f"wait_{activity}_s"
            sums[name] += round(float(row["seconds"]) * 1000)
        assert sums == {name: round(float(rows[0][f"case:{name}"]) * 1000) for name in columns}
    # Of those without check-in no time is known.
    closed = workshops.ask("SELECT count() FROM fixtrail.orders WHERE status != 'open' AND lead_s > 0")
    assert len(orders) == int(closed[0][0])


@pytest.mark.parametrize("center", ["C01", "深圳-02"])
def test_days_and_center_choose_orders_by_their_close(workshops: Warehouse, center: str) -> None:
    since, until = (datetime.now(UTC) - timedelta(days=days) for days in (30, 18))
    scope = ExportScope(since.date(), until.date(), center, "Asia/Shanghai")
    workshops.export("some.xes", scope)
    stored = workshops.ask(
        f"SELECT order_id FROM fixtrail.orders WHERE center_id = '{center}' AND "
        f"toDate(closed_at, 'Asia/Shanghai') BETWEEN '{scope.since}' AND '{scope.until}'"
    )

    cases = by_case(rows_of(workshops.folder / "some.xes"))

    assert set(cases) == {id_of(center, order_id) for (order_id,) in stored}
    assert size_of(settings_of(workshops.node), Export("xes", Path("some.xes"), scope)) == {
        "orders": len(cases),
        "events": sum(map(len, cases.values())),
        "vehicles": len({rows[0]["case:vehicle_key"] for rows in cases.values()}),
    }


def test_a_broken_export_leaves_the_file_as_it_was(workshops: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workshops.folder / "kept.json"
    file.write_text("the one of last week")

    def away(*_: object) -> Iterator[bytes]:
        raise ConnectionError

    monkeypatch.setattr(OrderSource, "histories", away)
    with pytest.raises(ConnectionError):
        workshops.export("kept.json")

    assert file.read_text() == "the one of last week"
    assert list(workshops.folder.glob(".*")) == []


@pytest.mark.parametrize("name", ["both.json", "both.sqlite", "both.xes.gz"])
def test_two_exports_at_once_do_not_write_into_one_another(workshops: Warehouse, name: str) -> None:
    scopes = [ExportScope(center=center) for center in ("C01", "深圳-02")]
    alone = []
    for scope in scopes:
        workshops.export(name, scope)
        alone.append((workshops.folder / name).read_bytes())

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda scope: workshops.export(name, scope), scopes))

    assert (workshops.folder / name).read_bytes() in alone
    assert list(workshops.folder.glob(".*")) == []


@pytest.fixture(scope="module")
def repairs(clickhouse_for_all: ClickHouseNode, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The repair log, imported so that each of its rows is an event."""
    if not REPAIR_LOG.exists():
        pytest.skip(f"{REPAIR_LOG.name} is not in {SHARED}; FIXTRAIL_SHARED_DATA names another folder")
    clickhouse_for_all.empty()
    lines: list[bytes] = []

    async def send(value: bytes, key: bytes) -> None:
        lines.append(value)

    asyncio.run(import_log(REPAIR_LOG, load_mapping(ROOT / "examples/mappings/repair-example-whole.toml"), send))
    fill(clickhouse_for_all, lines)
    return Warehouse(clickhouse_for_all, tmp_path_factory.mktemp("repairs"))


def test_the_repair_log_comes_out_as_it_went_in(repairs: Warehouse) -> None:
    repairs.export("repairs.xes.gz")
    cases = by_case(rows_of(repairs.folder / "repairs.xes.gz"))
    times = [[datetime.fromisoformat(row["time:timestamp"]) for row in rows] for rows in cases.values()]
    durations = [(max(case) - min(case)).total_seconds() for case in times]

    assert (len(cases), sum(map(len, cases.values()))) == (1_104, 11_855)
    assert len({tuple(row["concept:name"] for row in rows) for rows in cases.values()}) == 77
    assert mean(durations) == pytest.approx(3_950.543, abs=0.0005)
    assert median(durations) == 3_690


needs_pm4py = pytest.mark.skipif(PM4PY is None, reason="no FIXTRAIL_TEST_PM4PY; `make test-pm4py` sets it")


@needs_pm4py
def test_pm4py_finds_the_figures_of_the_repair_log(repairs: Warehouse) -> None:
    for name in ("repairs.xes.gz", "repairs.json", "repairs.sqlite"):
        repairs.export(name)
    xes, in_json, in_sqlite = pm4py_figures(
        *(repairs.folder / f"repairs.{end}" for end in ("xes.gz", "json", "sqlite"))
    )

    assert (xes["cases"], xes["events"], xes["variants"]) == (1_104, 11_855, 77)
    assert (round(xes["mean_s"], 3), xes["median_s"]) == (3_950.543, 3_690)
    assert in_json == in_sqlite
    assert (in_json["cases"], in_json["events"]) == (1_104, 11_855)


GO_AHEAD = "X( tau, 'quote_decision.complete' )"
WORK = "'repair.start', 'repair.complete', 'quality_check.start', 'quality_check.complete'"
START = "'check_in.complete', 'diagnosis.start', 'diagnosis.complete'"
# Of the repair log: as it is meant to go, again after a failed test; and without the go-ahead, every repair once.
PROCEDURES = {
    f"->( {START}, *( ->( {WORK}, {GO_AHEAD} ), tau ), 'handoff.complete' )": """
[[procedure]]
name = "again"
step = [
  {name = "check-in", event = "check_in"}, {name = "d1", event = "diagnosis.started"},
  {name = "d2", event = "diagnosis.completed"}, {name = "r1", event = "repair.started"},
  {name = "r2", event = "repair.completed"}, {name = "q1", event = "quality_check.started"},
  {name = "q2", event = "quality_check.completed"},
  {name = "again", event = "quote_decision", optional = true, back_to = "r1"}, {name = "handoff", event = "handoff"},
]""",
    f"->( {START}, 'repair.start', 'repair.complete', 'quality_check.complete', 'handoff.complete' )": """
[[procedure]]
name = "once"
step = [
  {name = "check-in", event = "check_in"}, {name = "d1", event = "diagnosis.started"},
  {name = "d2", event = "diagnosis.completed"}, {name = "r1", event = "repair.started"},
  {name = "r2", event = "repair.completed"}, {name = "q2", event = "quality_check.completed"},
  {name = "handoff", event = "handoff"},
]""",
}


@needs_pm4py
@pytest.mark.parametrize(("tree", "fitting"), list(zip(PROCEDURES, (1_000, 735), strict=True)), ids=["again", "once"])
def test_pm4py_finds_the_same_orders_that_followed_their_procedure(repairs: Warehouse, tree: str, fitting: int) -> None:
    assert PM4PY is not None
    repairs.export("repairs.xes.gz")
    command = [PM4PY, str(ROOT / "tools" / "pm4py_conformance.py"), str(repairs.folder / "repairs.xes.gz"), tree]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    file = repairs.folder / "procedures.toml"
    file.write_text(PROCEDURES[tree])
    options = Options(datetime.now(UTC))
    parameters, _ = ask_scope(ask := query_runner(settings_of(repairs.node)), options)
    judged = judge_orders(ask("procedures", end_key="", **parameters), read_procedures(file))
    ours = {order.order_id: order.judgement.cost for order in judged.orders}

    assert len(ours) == 1_000
    assert ours == {order_id: theirs[f"prom/{order_id}"] for order_id in ours}
    assert {order.order_id for order in judged.orders if order.judgement.conforms} == {o for o in ours if ours[o] == 0}
    assert sum(cost == 0 for cost in ours.values()) == fitting


@needs_pm4py
def test_pm4py_finds_the_sums_of_the_views(workshops_again: Warehouse) -> None:
    exports = [workshops_again.export(name) for name in ("all.json", "all.sqlite")]
    workshops_again.export("stages.xes", stages=True)
    files = [workshops_again.folder / name for name in ("all.json", "all.sqlite", "stages.xes")]
    in_json, in_sqlite, stages = pm4py_figures(*files)
    (sums,) = workshops_again.ask(
        "SELECT sum(wait_reception_s), sum(wait_approval_s), sum(wait_parts_s), sum(wait_bay_s), sum(repair_s), "
        "sum(diagnosis_s), sum(quality_s) FROM fixtrail.orders WHERE status != 'open'"
    )
    activities = ("reception", "approval", "parts", "bay", "repair", "diagnosis", "quality")

    assert in_json == in_sqlite
    assert in_json["events"] == exports[0].events
    assert in_json["objects"] == exports[1].objects
    for activity, seconds in zip(activities, sums, strict=True):
        assert stages["seconds"].get(activity, 0) == pytest.approx(float(seconds), abs=0.01)


@pytest.fixture
def workshops_again(clickhouse_for_all: ClickHouseNode, tmp_path: Path) -> Warehouse:
    """The workshops' orders once more, after those of the repair log."""
    clickhouse_for_all.empty()
    events = feed.clean_events(4, orders=150, vehicles=60, days=30, start=datetime.now(UTC) - timedelta(days=40))
    fill(clickhouse_for_all, feed.lines(feed.dirty(events, 4)))
    return Warehouse(clickhouse_for_all, tmp_path)
