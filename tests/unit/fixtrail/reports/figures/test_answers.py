"""What is asked by name: answered as report kpi has it, or refused with the nearest that is defined."""

import random
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import pandas as pd
import pytest

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.figures import answer as answers
from fixtrail.reports.figures.answer import Question, answer
from fixtrail.reports.figures.catalogue import (
    CONDITIONS,
    UndefinedError,
    all_described,
    cuts_of,
    nearest,
    parse_conditions,
)
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import CUTS, Options
from fixtrail.reports.report import Bilingual, Figure, Interval, Report
from fixtrail.reports.targets import Period, Targets

NOW = datetime(2026, 7, 6, tzinfo=UTC)
KEYS = {
    "center": ("C1", "C2", "C3"), "region": ("north", "south"), "wave": ("0", "1"), "lane": ("quick", "standard"),
    "origin": ("product", "misuse"), "group": ("brakes", "tyres"), "day": ("2026-07-01",), "week": ("2026-06-29",),
    "month": ("2026-06", "2026-07"),
}  # fmt: skip
CENTERS = pd.DataFrame(
    {"center_id": ["C1", "C2", "C3"], "region": ["north", "north", "south"], "wave": [1, 0, 1], "wave_start": None}
)


def ask(query: str, /, **_: Any) -> pd.DataFrame:
    assert query == "centers"
    return CENTERS


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """The options with which report kpi was built; its figures depend on all of them, to the last digit."""
    calls: list[Options] = []

    def build(_: Any, options: Options) -> Report:
        calls.append(options)
        return kpi_of(options)

    monkeypatch.setattr(answers.kpi, "build", build)
    return calls


def kpi_of(options: Options) -> Report:
    rng = random.Random(repr((options.since, options.until, options.by, options.targets.periods)))
    keys = KEYS[options.by] if options.by else (None,)
    figures = tuple(
        Figure(
            name, rng.random(), rng.randrange(999), 999, Interval(rng.random(), 1.0), None, period.name, options.by, key
        )
        for period, key, name in product(options.targets.periods, keys, DEFINITIONS)
    )
    return Report("kpi", Bilingual("", ""), Bilingual("", ""), options.scope(), figures, definitions=DEFINITIONS)


def question(figure: str, by: str | None = None, where: list[str] | None = None, **options: Any) -> Question:
    centers = options.pop("centers", None)
    return Question(figure, Options(NOW, by=by, **options), parse_conditions(where or []), centers)


@pytest.mark.parametrize("seed", range(200))
def test_an_answer_is_what_the_report_says_to_the_last_digit(seed: int, built: list[Options]):
    rng = random.Random(seed)
    figure = rng.choice(list(DEFINITIONS))
    by = rng.choice([None, *cuts_of(figure)])
    since = rng.choice([None, date(2026, 1 + rng.randrange(6), 1)])
    periods = (Period("before", Bilingual("前", "before")), Period("after", Bilingual("后", "after"), centers=("C1",)))
    options = Options(NOW, since, None, by, Targets(periods=periods))

    given_answer = answer(ask, Question(figure, options))

    expected = [row for row in as_json(kpi_of(options))["figures"] if row["figure"] == figure]
    assert [{**row, "figure": given_answer["figure"]} for row in given_answer["answers"]] == [
        {name: value for name, value in row.items() if name not in ("unit", "definition", "version")}
        for row in expected
    ]
    assert (given_answer["unit"], given_answer["version"]) == (DEFINITIONS[figure].unit, DEFINITIONS[figure].version)
    assert len(expected) == 2 * len(KEYS[by] if by else (None,))


def test_a_lane_is_a_key_of_its_cut(built: list[Options]):
    given_answer = answer(ask, question("ftfr", where=["lane=quick"]))

    assert [(row["by"], row["key"]) for row in given_answer["answers"]] == [("lane", "quick")]
    assert built[0].by == "lane"


@pytest.mark.parametrize(
    ("where", "visible", "centers"),
    [
        (["center=C1", "center=C2"], None, ("C1", "C2")),
        (["region=north", "wave=1"], None, ("C1",)),
        (["region=south"], {"C1", "C3"}, ("C3",)),
        ([], {"C2"}, ("C2",)),
        # No center is left, which is none, and not all of them.
        (["region=south"], {"C1"}, ("",)),
        (["region=east"], None, ("",)),
    ],
)
def test_conditions_and_rights_leave_these_centers(where, visible, centers, built: list[Options]):
    answer(ask, question("nps", "lane", where, centers=None if visible is None else frozenset(visible)))

    assert [period.centers for period in built[0].targets.periods] == [centers]


def test_a_period_of_some_centers_keeps_to_them(built: list[Options]):
    targets = Targets(periods=(Period("pilot", Bilingual("", ""), centers=("C2", "C3")),))

    answer(ask, question("nps", where=["region=north"], targets=targets))

    assert built[0].targets.periods[0].centers == ("C2",)


@pytest.mark.parametrize(
    ("name", "near"),
    [("wait", "wait_mean_s"), ("first time fix", "ftfr"), ("NPS score", "nps"), ("stockouts", "stockout_rate"),
     ("complaints", "complaints_per_100"), ("p90 wait", "wait_p90_s"), ("一次修复率", "ftfr"),
     ("net promoter score", "nps"), ("complaint rate", "complaints_per_100"), ("on time", "promise_kept"),
     ("monthly complaints", "complaints_per_month"), ("cancellation rate", "cancelled_share"),
     ("平均等待", "wait_mean_s"), ("缺货率", "stockout_rate"), ("投诉率", "complaints_per_100"), ("首次修复率", "ftfr"),
     ("评分率", "response_rate"), ("快修", "quick_lane_in_time")],
)  # fmt: skip
def test_a_figure_that_is_not_defined_is_refused_with_the_nearest(name: str, near: str):
    with pytest.raises(UndefinedError, match=f"figure '{name}' is not defined") as refused:
        question(name).check()

    assert refused.value.nearest.startswith(near.rsplit("_", 1)[0])


def test_a_cut_or_condition_that_is_not_defined_is_refused_with_the_nearest():
    with pytest.raises(UndefinedError, match="the nearest is center"):
        question("nps", "centre").check()
    with pytest.raises(UndefinedError, match="the nearest is lane"):
        question("nps", where=["lanes=quick"]).check()
    with pytest.raises(ValueError, match="written center=east-01"):
        question("nps", where=["quick"])


@pytest.mark.parametrize(("by", "where"), [("center", ["lane=quick"]), (None, ["lane=quick", "group=brakes"])])
def test_two_cuts_of_orders_cannot_be_combined(by, where):
    with pytest.raises(ValueError, match="cannot be combined"):
        question("nps", by, where).check()


def test_every_figure_is_described_once():
    figures = all_described()

    assert [figure["figure"] for figure in figures] == list(DEFINITIONS)
    assert all(set(figure["cuts"]) <= set(CUTS) and figure["conditions"] == list(CONDITIONS) for figure in figures)
    assert all(figure["formula"]["en"] and figure["question"]["zh-CN"] for figure in figures)
    assert nearest("ftfr", tuple(DEFINITIONS)) == "ftfr"
