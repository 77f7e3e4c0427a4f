"""Met, missed or not distinguishable: one rule, held against the operator's own table."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fixtrail.cli.main import app
from fixtrail.reports.kpi.external_figures import read_external_figures
from fixtrail.reports.options import Options
from fixtrail.reports.report import NO_INTERVAL, Interval
from fixtrail.reports.status import MET, MISSED, NOT_DISTINGUISHABLE, status
from runtime.failure import ExitError
from tests.paths import ROOT

OWNERS_TABLE = ROOT / "examples" / "owners-table.toml"
OPTIONS = Options(datetime(2026, 11, 8, tzinfo=UTC))
numbers = st.floats(-1000, 1000)


@pytest.fixture
def figures_of(tmp_path):
    """Reads a table from its text."""

    def read(text):
        file = tmp_path / "table.toml"
        file.write_text(text)
        return {(figure.figure, figure.period): figure for figure in read_external_figures(file, OPTIONS).figures}

    return read


def test_the_owners_16_minutes_94_percent_and_89_points_are_not_met():
    statuses = {
        (figure.figure, figure.period): figure.status for figure in read_external_figures(OWNERS_TABLE, OPTIONS).figures
    }

    assert statuses["wait_mean_s", "now"] in (MISSED, NOT_DISTINGUISHABLE)
    assert statuses["ftfr", "now"] in (MISSED, NOT_DISTINGUISHABLE)
    assert statuses["nps", "pilot"] != MET


def test_of_the_owners_table_nps_complaints_and_staff_are_met():
    statuses = {
        (figure.figure, figure.period): figure.status for figure in read_external_figures(OWNERS_TABLE, OPTIONS).figures
    }

    assert {statuses["nps", "now"], statuses["complaints", "now"], statuses["staff", "now"]} == {MET}


def test_the_command_judges_the_owners_table_without_a_server():
    done = CliRunner().invoke(app, ["report", "kpi", "--table", str(OWNERS_TABLE), "--json"])

    assert done.exit_code == 0, done.output
    statuses = {(figure["figure"], figure["period"]): figure["status"] for figure in json.loads(done.output)["figures"]}
    assert [key for key, status in statuses.items() if status == "missed"] == [
        ("wait_mean_s", "now"), ("ftfr", "now"), ("nps", "pilot")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "value", "target", "better"),
    [("nps", 90, 90, ""), ("nps", 91, 90, ""), ("complaints_per_100", 1.8, 1.8, ""), ("staff", 0.9, 0.85, "higher")],
)
def test_what_was_told_to_reach_its_target_is_met(figures_of, figure, value, target, better):
    """As NPS, complaints and staff satisfaction in the owner's table."""
    about = f'better = "{better}"\nunit = "share"' if better else ""
    rows = figures_of(f'[[figure]]\nfigure = "{figure}"\nvalue = {value}\ntarget = {target}\n{about}')

    assert rows[figure, "told"].status == MET


def test_a_told_figure_with_an_interval_is_judged_by_it(figures_of):
    text = '[[figure]]\nfigure = "nps"\nperiod = "{}"\nvalue = 91\nn = {}\nlow = {}\nhigh = 94\ntarget = 90\n'
    rows = figures_of(text.format("few", 400, 88) + text.format("many", 9000, 90.2))

    assert rows["nps", "few"].status == NOT_DISTINGUISHABLE
    assert rows["nps", "many"].status == MET


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        ('[[figure]]\nfigure = "nps"', "value"),
        ('[[figure]]\nfigure = "staff"\nvalue = 3', "none of ours"),
        ('[[figure]]\nfigure = "nps"\nvalue = 3\ngoal = 4', "no key goal"),
        ("figure = 3", "table.toml"),
        ("[[figure", "table.toml"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(figures_of, text, error_text):
    with pytest.raises(ExitError, match=error_text):
        figures_of(text)


def test_the_whole_interval_decides():
    assert status(91, Interval(90, 92), 90, "higher", 900) == MET
    assert status(91, Interval(89, 93), 90, "higher", 90) == NOT_DISTINGUISHABLE
    assert status(89, Interval(87, 91), 90, "higher", 90) == NOT_DISTINGUISHABLE
    assert status(85, Interval(83, 87), 90, "higher", 90) == MISSED
    assert status(960, Interval(940, 980), 900, "lower", 900) == MISSED
    assert status(960, Interval(890, 1030), 900, "lower", 90) == NOT_DISTINGUISHABLE
    assert status(860, Interval(840, 880), 900, "lower", 90) == MET


@pytest.mark.parametrize("interval", [NO_INTERVAL, Interval(5.0, 5.0), Interval(3.0, None)])
def test_a_single_answer_proves_nothing(interval):
    assert status(100, interval, 90, "higher", 1) == NOT_DISTINGUISHABLE


def test_without_value_or_target_there_is_no_status():
    assert status(None, NO_INTERVAL, 90, "higher", 0) is None and status(90, NO_INTERVAL, None, "higher") is None


@given(numbers, st.floats(0.001, 100), st.floats(0.001, 100), numbers, st.sampled_from(("higher", "lower")))
def test_more_of_the_good_never_makes_the_status_worse(value, below, above, target, better):
    order = [MISSED, NOT_DISTINGUISHABLE, MET]
    step = 1 if better == "higher" else -1
    ranks = [
        order.index(status(value + number, Interval(value + number - below, value + number + above), target, better, 9))
        for number in (0, 50 * step, 500 * step)
    ]
    assert ranks == sorted(ranks)


@given(value=numbers, half=st.floats(0.001, 100), target=numbers)
def test_higher_and_lower_are_mirror_images(value, half, target):
    up = status(value, Interval(value - half, value + half), target, "higher", 5)
    down = status(-value, Interval(-value - half, -value + half), -target, "lower", 5)

    assert up == down
