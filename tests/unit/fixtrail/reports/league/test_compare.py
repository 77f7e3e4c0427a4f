"""A league names centers for what is more than chance: nobody where nothing differs, the right one where one does."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixtrail.reports.league.compare import Standing, standings_of

CENTERS = 15


def orders(rng: np.random.Generator, n: int, centers: int = CENTERS) -> pd.DataFrame:
    """Orders of centers of very different size over 28 days, each with a wait, a score, a fix and complaints."""
    size = np.arange(1, centers + 1) / np.arange(1, centers + 1).sum()
    return pd.DataFrame(
        {
            "center_id": [f"C{number:02d}" for number in rng.choice(centers, n, p=size)],
            "day": rng.integers(0, 28, n),
            "wait": rng.lognormal(3, 1.0, n) * 60,
            "score": rng.choice([100.0, 0.0, -100.0], n, p=[0.7, 0.2, 0.1]),
            "fix": (rng.random(n) < 0.9) * 1.0,
            "complaints": 100.0 * rng.poisson(0.03, n),
        }
    )


def summed(data: pd.DataFrame, figure: str) -> pd.DataFrame:
    """The same as league.sql answers it, where every order counts once."""
    names, center = np.unique(data["center_id"].to_numpy(str), return_inverse=True)
    x, days = data[figure].to_numpy(float), int(data["day"].max()) + 1
    cell = center * days + data["day"].to_numpy(int)
    sums = {
        name: np.bincount(cell, values, len(names) * days).reshape(len(names), days)
        for name, values in {"x": x, "d": np.ones(len(x)), "xx": x * x}.items()
    }
    total = {name: values.sum(axis=1) for name, values in sums.items()}
    return pd.DataFrame(
        {
            **{"center_id": names, "orders": total["d"], "days": (sums["d"] > 0).sum(axis=1)},
            **{"x": total["x"], "d": total["d"], "xx": total["xx"], "xd": total["x"], "dd": total["d"]},
            "days_xx": (sums["x"] ** 2).sum(axis=1),
            "days_xd": (sums["x"] * sums["d"]).sum(axis=1),
            "days_dd": (sums["d"] ** 2).sum(axis=1),
        }
    )


def named(standings: list[Standing]) -> list[str]:
    return [s.center_id for s in standings if s.group in ("above", "below") or s.rank is not None]


def shuffles_that_name(figure: str, shuffles: int, n: int) -> int:
    """In how many shuffles of orders among the centers anybody is named."""
    rng = np.random.default_rng(7)
    data, count = orders(rng, n), 0
    for _ in range(shuffles):
        shuffled = data.assign(center_id=rng.permutation(data["center_id"].to_numpy()))
        count += bool(named(standings_of(summed(shuffled, figure), "higher")))
    return count


@pytest.mark.parametrize("figure", ["wait", "score", "fix", "complaints"])
def test_chance_alone_names_no_center(figure):
    assert shuffles_that_name(figure, 40, 900) <= 4


@pytest.mark.long
@pytest.mark.parametrize("n", [300, 3000])
@pytest.mark.parametrize("figure", ["wait", "score", "fix", "complaints"])
def test_chance_alone_names_no_center_in_95_of_100_shuffles(figure, n):
    assert shuffles_that_name(figure, 500, n) <= 25


def test_a_center_that_is_worse_is_below_and_alone_there():
    rng = np.random.default_rng(1)
    data = orders(rng, 6000)
    bad = data["center_id"] == "C09"
    data.loc[bad, "fix"] = (rng.random(bad.sum()) < 0.75) * 1.0

    standings = standings_of(summed(data, "fix"), "higher")

    assert [s.center_id for s in standings if s.group == "below"] == ["C09"]
    (worst,) = [s for s in standings if s.center_id == "C09"]
    assert worst.interval.high is not None and worst.interval.high < 0
    # The others stand by their ids: their order says nothing.
    rest = [s.center_id for s in standings if s.group == "not_distinguishable"]
    assert rest == sorted(rest)


def test_where_less_is_better_the_shorter_wait_is_above():
    rng = np.random.default_rng(2)
    data = orders(rng, 6000)
    data.loc[data["center_id"] == "C12", "wait"] *= 0.5

    standings = standings_of(summed(data, "wait"), "lower")

    assert standings[0].center_id == "C12" and standings[0].group == "above"
    assert standings[0].difference is not None and standings[0].difference < 0
    assert standings[0].ranks is not None and standings[0].ranks[0] == 1


def test_a_rank_is_told_only_where_no_other_is_open():
    """Three centers far apart have their places; between two that are alike both places stay open."""
    rng = np.random.default_rng(3)
    data = orders(rng, 8000, centers=4)
    for center, share in (("C00", 0.95), ("C01", 0.8), ("C02", 0.8), ("C03", 0.6)):
        own = data["center_id"] == center
        data.loc[own, "fix"] = (rng.random(own.sum()) < share) * 1.0

    by_center = {s.center_id: s for s in standings_of(summed(data, "fix"), "higher")}

    assert (by_center["C00"].rank, by_center["C03"].rank) == (1, 4)
    assert by_center["C01"].ranks == by_center["C02"].ranks == (2, 3)
    assert by_center["C01"].rank is None


def test_days_that_go_wrong_as_a_whole_make_nobody_bad():
    """On one day in seven everything takes long: orders alone would call it a difference between centers."""
    rng = np.random.default_rng(4)
    count = 0
    for _ in range(40):
        data = orders(rng, 4000, centers=5)
        hard = rng.random((5, 28)) < 1 / 7
        is_hard = hard[data["center_id"].str[1:].astype(int), data["day"]]
        data["wait"] = data["wait"] + 3600 * 3 * is_hard
        count += bool(named(standings_of(summed(data, "wait"), "lower")))
    assert count <= 5


def test_few_orders_are_listed_and_held_against_nobody():
    data = orders(np.random.default_rng(5), 2000, centers=3)
    few = data.iloc[:9].assign(center_id="C99", fix=0.0)

    standings = standings_of(summed(pd.concat([data, few]), "fix"), "higher")

    assert [(s.center_id, s.rank) for s in standings if s.group == "too_few"] == [("C99", None)]
    assert standings_of(summed(few, "fix"), "higher") == [Standing("C99", "too_few")]
    assert standings_of(summed(few, "fix").iloc[:0], "higher") == []


def test_a_center_whose_few_orders_are_all_alike_is_not_certain_of_anything():
    """Ten of ten fixed has no variance of its own: what is usual elsewhere bounds it."""
    data = orders(np.random.default_rng(6), 2000, centers=3)
    ten = data.iloc[:10].assign(center_id="C99", fix=1.0, day=range(10))

    (standing,) = [s for s in standings_of(summed(pd.concat([data, ten]), "fix"), "higher") if s.center_id == "C99"]

    assert standing.group == "not_distinguishable"
    assert standing.interval.low is not None and standing.interval.low < 0


def test_the_interval_is_that_of_a_textbook_where_days_say_nothing_more():
    """One order a day: Welch's standard error with the larger of own and common variance, Bonferroni's level."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame(
        {"center_id": np.repeat(["A", "B"], 200), "day": np.tile(range(200), 2), "wait": rng.gamma(2, 600, 400)}
    )
    data.loc[data["center_id"] == "B", "wait"] += 600
    own = [data.loc[data["center_id"] == name, "wait"] for name in ("A", "B")]
    common = (199 * own[0].var() + 199 * own[1].var()) / 398
    error = np.sqrt(sum(max(values.var(), common) / 200 for values in own))

    first = next(s for s in standings_of(summed(data, "wait"), "lower") if s.center_id == "A")

    assert first.difference == pytest.approx(own[0].mean() - own[1].mean())
    assert first.interval.high == pytest.approx(first.difference + stats.t.ppf(1 - 0.05 / 4, 199) * error)
