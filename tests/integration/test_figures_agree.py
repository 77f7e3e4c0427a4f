"""Report, command, HTTP and agents' tools give the same figure, to the last digit, whatever is asked for."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from fixtrail.agents.tools import RefusedError, Tools
from fixtrail.all_settings import Settings
from fixtrail.cli.main import app
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.figures.catalogue import OF_CENTERS, OF_ORDERS, cuts_of
from fixtrail.web.api.figures import computer
from runtime.failure import USAGE, ExitError
from tests import feed
from tests.clickhouse_node import ClickHouseNode, clickhouse_for_all
from tests.event_api import Api
from tests.warehouse import fill, settings_of

__all__ = ["clickhouse_for_all"]

START = (datetime.now(UTC) - timedelta(days=50)).replace(hour=0, minute=0, second=0, microsecond=0)
# What runs on with the clock is another number at every call.
TIMELESS = [name for name in DEFINITIONS if not name.startswith("open_")]
# Of the definition, which the answers say once, and of the report alone.
_BESIDE = ("figure", "unit", "definition", "version")
CENTERS = ("C01", "C02", "C03", "C04", "C05", "nowhere")
SEED = 20261129
TARGETS = f"""
time_zone = "Asia/Shanghai"
[targets]
nps = 60
wait_mean_s = 900
complaints_per_100 = {{ times = 0.5, of = "before" }}
[[period]]
name = "before"
to = {START.date() + timedelta(days=20)}
[[period]]
name = "some"
waves = [1, 2]
from = {START.date() + timedelta(days=10)}
[[period]]
name = "now"
last_days = 28
"""


@dataclass(frozen=True)
class Cut:
    """One question."""

    figure: str
    by: str | None
    since: date | None
    until: date | None
    where: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether `report kpi` can be asked the same: it knows no conditions."""
        return not self.where


def random_cut(draw: random.Random) -> Cut:
    """A figure by any of its cuts, in any days, with any conditions that can be combined."""
    figure = draw.choice(TIMELESS)
    conditions: list[str] = []
    if draw.random() < 0.4:
        conditions += [f"center={center}" for center in draw.sample(CENTERS, draw.randint(1, 3))]
    if draw.random() < 0.2:
        conditions.append(f"region=R{draw.randint(0, 3)}")
    if draw.random() < 0.2:
        conditions.append(f"wave={draw.randint(0, 3)}")
    by = draw.choice((None, *cuts_of(figure)))
    if draw.random() < 0.3:
        name = draw.choice(OF_ORDERS)
        values = {
            "lane": ("quick", "standard"),
            "origin": ("product", "misuse"),
            "group": ("brakes", "engine", "tyres"),
        }
        conditions.append(f"{name}={draw.choice(values[name])}")
        by = draw.choice((None, name))
    first, last = sorted(START.date() + timedelta(days=draw.randint(-5, 60)) for _ in range(2))
    days = draw.choice(((None, None), (first, None), (None, last), (first, last)))
    return Cut(figure, by, *days, tuple(conditions))


class Doors:
    """The same ClickHouse behind the report, the command line, HTTP and the agents' tools."""

    def __init__(self, node: ClickHouseNode, folder: Path) -> None:
        targets = folder / "targets.toml"
        targets.write_text(TARGETS)
        self.settings: Settings = settings_of(node).model_copy(update={"targets": targets})
        self.variables: Mapping[str, str] = {
            "FIXTRAIL_CLICKHOUSE": node.url,
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": node.passwords["reader"],
            "FIXTRAIL_DATA": str(folder),
            "FIXTRAIL_TARGETS": str(targets),
        }
        self.tools = Tools(self.settings)
        self.api = Api(folder)
        self.api.state.figures.compute = computer(self.settings)
        self.key = self.api.key(scopes=["figures:read"])

    def by_report(self, cut: Cut) -> list[dict[str, Any]]:
        figures = json.loads(self._run(["report", "kpi"], cut))["figures"]
        return _normal([figure for figure in figures if figure["figure"] == cut.figure])

    def by_command(self, cut: Cut) -> list[dict[str, Any]]:
        return _normal(json.loads(self._run(["ask", cut.figure], cut))["answers"])

    def _run(self, command: list[str], cut: Cut) -> str:
        flags = {"--by": cut.by, "--from": cut.since, "--to": cut.until}
        words = [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]
        words += [word for condition in cut.where for word in ("--where", condition)]
        run = CliRunner().invoke(app, [*command, *words, "--json"], env=dict(self.variables))
        assert run.exit_code == 0, (cut, run.output, run.exception)
        return run.stdout

    def by_tool(self, cut: Cut) -> list[dict[str, Any]]:
        days = [None if day is None else str(day) for day in (cut.since, cut.until)]
        return _normal(json.loads(self.tools.get_figure(cut.figure, cut.by, *days, list(cut.where)))["answers"])

    async def by_http(self, cut: Cut) -> list[dict[str, Any]]:
        values = {"by": cut.by, "from": cut.since, "to": cut.until}
        pairs = [f"{name}={value}" for name, value in values.items() if value is not None]
        query = "&".join([*pairs, *(f"where={condition}" for condition in cut.where)])
        answer = await self.api.get(f"/figures/{cut.figure}?{query}", key=self.key)
        assert answer.status_code == 200, (cut, answer.text)
        return _normal(answer.json()["answers"])


def _normal(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As JSON has it, without what stands beside an answer."""
    rows = [{name: value for name, value in figure.items() if name not in _BESIDE} for figure in figures]
    normal: list[dict[str, Any]] = orjson.loads(orjson.dumps(rows))
    return normal


@pytest.fixture(scope="module")
def doors(clickhouse_for_all: ClickHouseNode, tmp_path_factory: Any) -> Iterator[Doors]:
    node, folder = clickhouse_for_all, tmp_path_factory.mktemp("figures")
    node.empty()
    events = feed.dirty(feed.clean_events(31, orders=400, vehicles=150, days=45, start=START), 31)
    file = folder / "centers.toml"
    names = sorted({str(event["center_id"]) for event in events})
    file.write_text(
        "\n".join(
            f'[[center]]\nid = "{name}"\nname = "{name}"\nregion = "R{number % 3}"\nwave = {number % 4}\n'
            for number, name in enumerate(names[:-1])
        )
    )
    fill(node, feed.lines(events), file)
    yield Doors(node, folder)


async def differing(doors: Doors, cuts: int) -> tuple[list[Cut], int]:
    """The cuts of which two ways give different answers, and how many had any answer."""
    draw, wrong, n_answers = random.Random(SEED), [], 0
    for _ in range(cuts):
        cut = random_cut(draw)
        answers = [doors.by_command(cut), doors.by_tool(cut), await doors.by_http(cut)]
        if cut.is_plain:
            answers.append(doors.by_report(cut))
        n_answers += any(row["value"] is not None for row in answers[0])
        if any(answer != answers[0] for answer in answers):
            wrong.append(cut)
    return wrong, n_answers


async def test_every_way_gives_the_same_figure_to_the_last_digit(doors: Doors) -> None:
    wrong, n_answers = await differing(doors, 10)

    assert wrong == [] and n_answers >= 4


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_every_way_gives_the_same_figure_over_200_random_cuts(doors: Doors) -> None:
    wrong, n_answers = await differing(doors, 200)

    assert wrong == [] and n_answers >= 80


def test_the_cuts_are_of_every_kind() -> None:
    draw = random.Random(SEED)
    cuts = [random_cut(draw) for _ in range(200)]

    assert len(set(cuts)) > 190 and {cut.figure for cut in cuts} > set(TIMELESS[:10])
    assert {cut.by for cut in cuts} == {None, *cuts_of("nps")}
    named = {condition.partition("=")[0] for cut in cuts for condition in cut.where}
    assert named == {*OF_CENTERS, *OF_ORDERS}
    assert sum(cut.is_plain for cut in cuts) > 40


@pytest.mark.parametrize(
    ("figure", "options", "nearest"),
    [("nps_score", {}, "nps"), ("average wait", {}, "wait_mean_s"), ("nps", {"by": "centre"}, "center")],
)
async def test_what_is_not_defined_is_refused_by_name_with_the_nearest(
    doors: Doors, figure: str, options: dict[str, str], nearest: str
) -> None:
    words = [word for name, value in options.items() for word in (f"--{name}", value)]

    run = CliRunner().invoke(app, ["ask", figure, *words], env=dict(doors.variables))
    with pytest.raises(RefusedError, match=nearest):
        doors.tools.get_figure(figure, **options)
    query = "&".join(f"{name}={value}" for name, value in options.items())
    answer = await doors.api.get(f"/figures/{figure}?{query}", key=doors.key)

    assert isinstance(run.exception, ExitError) and run.exception.exit_code == USAGE
    assert nearest in str(run.exception) and (options or figure in str(run.exception))
    assert answer.status_code in (404, 422) and answer.json()["nearest"] == nearest
