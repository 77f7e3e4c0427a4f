"""What journey, parts and quality make of known counts: the laws that their numbers keep."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtrail.reports.journey.report import nps_lost
from fixtrail.reports.parts.report import abc_classes
from fixtrail.reports.quality.report import LEAST, with_shrinkage
from fixtrail.reports.stats.shrinkage import Prior, fit, shrunk

voices = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, n)).flatmap(
        lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), st.integers(0, pair[0] - pair[1]))
    )
)


def voiced(triple):
    return dict(zip(("scores", "promoters", "detractors"), triple, strict=True))


def nps(*groups):
    return 100 * sum(g["promoters"] - g["detractors"] for g in groups) / sum(g["scores"] for g in groups)


@given(voices, voices)
def test_nps_lost_is_what_all_would_gain_if_the_long_ones_scored_as_the_others(long, others):
    """The segments' identity: share of each times its NPS adds up to the whole NPS."""
    there, rest = voiced(long), voiced(others)
    lost, between = nps_lost(there, rest)

    assert lost == pytest.approx(nps(rest) - nps(there, rest), abs=1e-9)
    assert between.low <= lost + 1e-9 and lost <= between.high + 1e-9


def test_nothing_is_lost_where_nobody_was_long_or_everybody_was():
    someone, voiceless = voiced((10, 8, 1)), voiced((0, 0, 0))

    assert nps_lost(voiceless, someone)[0] is None and nps_lost(someone, voiceless)[0] is None


# ABC


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_abc_classes_go_down_with_the_amount_and_a_holds_80_percent(amounts):
    series = pd.Series(amounts)
    classes = abc_classes(series, pd.Series([f"P-{number:03d}" for number in range(len(amounts))]))
    ranked = pd.DataFrame({"amount": series, "abc": classes}).sort_values("amount", ascending=False, kind="stable")

    order = ranked["abc"].map("ABC".index).groupby(ranked["amount"].to_numpy()[::1]).min().sort_index(ascending=False)
    assert order.is_monotonic_increasing
    if series.sum():
        share = series[classes == "A"].sum()
        assert share >= 0.8 * series.sum() - 1e-9
        largest = series[classes == "A"].min()
        assert share - largest < 0.8 * series.sum()
        assert (classes[series == 0] == "C").all()
    else:
        assert (classes == "C").all()


def test_the_one_part_that_is_most_of_it_is_an_a():
    assert list(abc_classes(pd.Series([97, 2, 1]), pd.Series(list("abc")))) == ["A", "C", "C"]


# Shrinkage


def test_the_prior_of_groups_that_differ_is_found_again():
    rng = np.random.default_rng(11)
    shares = rng.beta(0.85 * 60, 0.15 * 60, 400)
    ns = rng.integers(20, 300, 400)
    prior = fit(list(rng.binomial(ns, shares)), list(ns))

    assert prior.mean == pytest.approx(0.85, abs=0.01)
    assert 40 < prior.orders < 90


def test_groups_that_differ_by_chance_alone_are_drawn_together():
    rng = np.random.default_rng(12)
    ns = rng.integers(20, 300, 50)
    counts = rng.binomial(ns, 0.85)
    prior = fit(list(counts), list(ns))
    values = [shrunk(prior, int(count), int(n))[0] for count, n in zip(counts, ns, strict=True)]

    assert max(values) - min(values) < 0.3 * (max(counts / ns) - min(counts / ns))


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_shrunk_share_lies_between_its_own_and_the_usual(fixed, not_fixed):
    prior, n = Prior(0.85, 40.0), fixed + not_fixed
    value, between = shrunk(prior, fixed, n)
    own = fixed / n if n else 0.85

    assert min(own, 0.85) - 1e-12 <= value <= max(own, 0.85) + 1e-12
    assert 0 <= between.low <= value <= between.high <= 1


def test_the_more_orders_the_nearer_to_its_own_share():
    prior = Prior(0.85, 40.0)
    values = [shrunk(prior, n // 2, n)[0] for n in (2, 20, 200, 2000)]

    assert values == sorted(values, reverse=True) and values[-1] == pytest.approx(0.5, abs=0.01)


def test_where_everything_or_nothing_was_fixed_there_is_nothing_to_learn():
    assert fit([5, 7], [5, 7]) is None and fit([0, 0], [5, 7]) is None and fit([], []) is None and fit([0], [0]) is None


def test_few_orders_are_listed_but_not_ranked():
    counts = pd.DataFrame({"who": ["few", "bad", "good"], "judged": [LEAST - 1, 400, 400], "fixed": [1, 240, 380]})
    table, prior = with_shrinkage(counts)

    assert list(table["who"]) == ["bad", "good", "few"]
    assert list(table["rank"].fillna(0)) == [1, 2, 0] and list(table["enough"]) == [True, True, False]
    assert list(table["apart"])[2] is False or not table["apart"].iloc[2]
    assert prior is not None and table.loc[2, "ftfr"] < table.loc[2, "shrunk"] < prior.mean


def test_without_any_order_there_are_no_rows():
    table, prior = with_shrinkage(pd.DataFrame({"judged": [], "fixed": []}))

    assert prior is None and len(table) == 0
