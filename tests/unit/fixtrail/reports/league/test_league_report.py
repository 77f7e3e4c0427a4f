"""Report league: what it shows of each center, and what it refuses."""

from datetime import UTC, datetime

import pytest

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.forms.page import render_page
from fixtrail.reports.forms.pictures import as_svg
from fixtrail.reports.league import report as league
from fixtrail.reports.league.compare import Standing
from fixtrail.reports.options import Options
from fixtrail.reports.report import Figure, Interval, Report
from fixtrail.web.analysis.answers import answer
from runtime.failure import USAGE, ExitError

NOW = datetime(2026, 7, 6, tzinfo=UTC)
STANDINGS = [
    Standing("east-02", "above", 0.06, Interval(0.02, 0.1), (1, 1)),
    Standing("east-01", "not_distinguishable", -0.01, Interval(-0.05, 0.03), (2, 3)),
    Standing("west-01", "not_distinguishable", 0.0, Interval(-0.04, 0.04), (2, 3)),
]


def share(center: str | None, count: int, n: int, n_all: int) -> Figure:
    return Figure("ftfr", count / n if n else None, n, n_all, Interval(0.8, 0.9), count, key=center)


def report() -> Report:
    figures = {
        "east-01": share("east-01", 80, 100, 120),
        "east-02": share("east-02", 95, 100, 100),
        "new-01": share("new-01", 0, 0, 3),
        "west-01": share("west-01", 85, 100, 101),
    }
    rows = tuple(league._rows(figures, STANDINGS))
    sheet = league._sheet("ftfr", rows, share(None, 260, 300, 324))
    chart = league._chart("ftfr", rows)
    return Report("league", league.TITLE, REPORTS["league"], {"figure": "ftfr"}, (), (sheet,), (chart,), league.METHODS)


def test_a_row_has_n_of_all_the_interval_and_a_rank_only_where_it_is_certain():
    first, second, _, new = report().sheets[0].rows

    assert (first["center_id"], first["rank"], first["n"], first["n_all"]) == ("east-02", 1, 100, 100)
    assert (second["rank"], second["rank_from"], second["rank_to"]) == (None, 2, 3)
    assert (second["difference_low"], second["difference_high"]) == (-0.05, 0.03)
    # A center without any judged order is listed, too: its orders are among all.
    assert (new["center_id"], new["group"], new["value"], new["n_all"]) == ("new-01", "too_few", None, 3)


def test_page_and_picture_say_who_differs_in_both_languages():
    for locale, above, same in (("zh-CN", "优于其他中心", "无法区分"), ("en", "above", "not distinguishable")):
        page = render_page(report(), locale)
        assert above in page and same in page and "260" not in page
        assert ("n 300 / 324" if locale == "zh-CN" else "n 300 of 324") in page
        assert "east-02" in as_svg(report().charts[0], locale)
    assert answer(report(), "en") == "First-time fix rate: 1 above, 0 below"


@pytest.mark.parametrize(("figure", "by"), [("speed", None), ("ftf", None), ("nps", "lane")])
def test_what_is_no_league_is_refused_before_anything_is_asked(figure, by):
    with pytest.raises(ExitError) as refusal:
        league.build(None, Options(NOW, by=by, figure=figure))

    assert refusal.value.exit_code == USAGE
    assert by or "ftfr, wait, nps, complaints" in str(refusal.value)
