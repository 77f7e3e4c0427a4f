"""The intervals of the reports: against scipy, and against what a 95 % interval promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fixtrail.reports.report import NO_INTERVAL
from fixtrail.reports.stats import intervals

counts = st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_the_interval_of_a_share_is_wilsons(pair):
    k, n = pair
    if n == 0:
        assert intervals.share(0, 0) == NO_INTERVAL
        return
    right = stats.binomtest(k, n).proportion_ci(method="wilson")
    interval = intervals.share(k, n)

    assert interval.low == pytest.approx(right.low, abs=1e-12) and interval.high == pytest.approx(right.high, abs=1e-12)
    assert 0 <= interval.low <= k / n <= interval.high <= 1


def test_the_interval_of_a_share_is_that_of_newcombe():
    """Newcombe 1998, table I: by Wilson's method without correction."""
    for k, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        share = intervals.share(k, n)
        assert (share.low, share.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_the_interval_of_an_nps_holds_it_stays_on_the_scale_and_has_a_width(promoters, passives, detractors):
    n = promoters + passives + detractors
    if n == 0:
        assert intervals.nps(0, 0, 0) == NO_INTERVAL
        return
    score = intervals.nps(promoters, detractors, n)

    assert -100 <= score.low <= 100 * (promoters - detractors) / n <= score.high <= 100
    assert score.high - score.low > 0


@pytest.mark.parametrize(
    ("promoters", "detractors", "n", "low", "high"),
    [
        # By hand: mean 0.625, variance 27/64, of 8, times Student's t of 5.
        (5, 0, 5, 3.47, 100.0),
        (9, 1, 12, 14.27, 92.4),
        (1, 0, 1, -100, 100.0),
        (0, 0, 1, -100, 100),
        (0, 5, 5, -100.0, -3.47),
        (0, 40, 40, -100.0, -83.29),
    ],
)
def test_few_answers_or_answers_that_are_all_alike_leave_the_nps_uncertain(promoters, detractors, n, low, high):
    score = intervals.nps(promoters, detractors, n)

    assert (score.low, score.high) == pytest.approx((low, high), abs=0.01)


@pytest.mark.parametrize("n", [5, 10, 20, 31])
@pytest.mark.parametrize("level", [-0.5, 0.0, 0.3, 0.72, 0.89, 0.95])
@pytest.mark.parametrize("passive", [0.1, 0.5, 0.9])
def test_of_100_samples_at_least_93_have_an_interval_that_holds_the_nps(n, level, passive):
    """Every sample that there can be, each as likely as it is."""
    rest = (1 - abs(level)) * (1 - passive) / 2
    shares = [max(level, 0) + rest, max(-level, 0) + rest]
    covered = 0.0
    for up in range(n + 1):
        for down in range(n + 1 - up):
            interval = intervals.nps(up, down, n)
            if interval.low <= 100 * level + 1e-9 and interval.high >= 100 * level - 1e-9:
                rows = [up, down, n - up - down]
                covered += math.exp(
                    math.lgamma(n + 1)
                    - sum(math.lgamma(row + 1) for row in rows)
                    + sum(row * math.log(share) for row, share in zip(rows, [*shares, 1 - sum(shares)], strict=True))
                )

    assert covered >= 0.93


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=50))
def test_the_interval_of_a_mean_is_students(values):
    deviation = float(np.std(values, ddof=1))
    interval = intervals.mean(float(np.mean(values)), deviation, len(values))
    if not deviation:
        assert interval == NO_INTERVAL
        return
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))

    assert interval.high - interval.low == pytest.approx(2 * half, rel=1e-9, abs=1e-9)


def test_one_value_has_no_interval():
    assert intervals.mean(5.0, None, 1) == NO_INTERVAL


@given(st.integers(1, 5000), st.sampled_from((0.5, 0.9)))
def test_the_ranks_of_a_quantile_hold_it_in_95_percent(n, level):
    """Below the quantile lie binomially many values: the chance that it lies between the two ranks is at least 95 %."""
    low, high = intervals.quantile_ranks(level, n)
    below = stats.binom.cdf((low or 0) - 1, n, level)
    above = 1 - stats.binom.cdf(high - 1, n, level) if high else 0.0

    assert below <= 0.025 + 1e-9 and above <= 0.025 + 1e-9
    assert low is None or 1 <= low <= n
    assert high is None or 1 <= high <= n
    if low is not None:
        assert stats.binom.cdf(low, n, level) >= 0.025 - 1e-9, "a tighter rank would do"


def test_ranks_are_those_of_scipys_binomial_quantiles():
    for n in (1, 2, 5, 6, 17, 30, 100, 999, 12345):
        for level in (0.5, 0.9):
            low, high = stats.binom.ppf(0.025, n, level), stats.binom.ppf(0.975, n, level) + 1
            assert intervals.quantile_ranks(level, n) == (low if low >= 1 else None, high if high <= n else None)


def bell_and_mccaffrey(groups):
    """Standard error and degrees of freedom of a mean by the paper's matrices: CR2 of a regression on nothing but 1."""
    y = np.concatenate(groups)
    n, x = len(y), np.ones((len(y), 1))
    bread = np.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    rest, residual = np.eye(n) - hat, y - y.mean()
    variance, pulls, start = 0.0, [], 0
    for group in groups:
        rows = slice(start, start := start + len(group))
        values, vectors = np.linalg.eigh(np.eye(len(group)) - hat[rows, rows])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T
        variance += (bread @ x[rows].T @ adjust @ residual[rows]).item() ** 2
        pulls.append(rest[:, rows] @ adjust @ x[rows] @ bread)
    pull = np.hstack(pulls)
    eigenvalues = np.linalg.eigvalsh(pull.T @ pull)
    return math.sqrt(variance), eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


@pytest.mark.parametrize("sizes", [(5, 5, 5), (2, 30), (3, 40, 7, 7, 19), (1, 1, 60)])
def test_the_spread_between_centers_is_bell_and_mccaffreys(sizes):
    rng = np.random.default_rng(sum(sizes))
    groups = [rng.normal(rng.normal(50, 5), 10, size) for size in sizes]
    error, freedom = bell_and_mccaffrey(groups)

    interval = intervals.between_centers(sizes, [float(group.mean()) for group in groups])

    assert interval.error == pytest.approx(error, rel=1e-9)
    assert interval.freedom == pytest.approx(freedom, rel=1e-9)


def test_one_center_tells_nothing_of_the_difference_between_centers():
    assert intervals.between_centers([40], [3.0]) is None and intervals.between_centers([40, 0], [3.0, 0.0]) is None


@pytest.mark.parametrize("centers", [3, 15])
def test_where_centers_differ_their_interval_holds_the_mean_and_that_of_the_orders_does_not(centers):
    """Centers 6 % apart, as the simulator's: of 1,000 samples, 95 in 100 are to hold what they were drawn around."""
    rng = np.random.default_rng(centers)
    covered = alone = 0
    for _ in range(1000):
        sizes = rng.integers(300, 700, centers)
        means = rng.normal(18, 18 * 0.06, centers) + rng.normal(0, 10, centers) / np.sqrt(sizes)
        middle = float((sizes * means).sum() / sizes.sum())
        covered += abs(middle - 18) <= intervals.between_centers(sizes.tolist(), means.tolist()).half
        alone += abs(middle - 18) <= 1.96 * 10 / math.sqrt(sizes.sum())

    assert 935 <= covered <= 970
    assert alone < 800


def test_the_ranks_of_a_quantile_are_as_far_apart_as_its_share_is_uncertain():
    low, high = intervals.woodruff_ranks(0.5, 1000, intervals.Spread(0.02, 14))
    half = stats.t.ppf(0.975, 14) * 0.02

    assert (low, high) == (math.floor(1000 * (0.5 - half)), math.ceil(1000 * (0.5 + half)) + 1)
    assert intervals.woodruff_ranks(0.9, 1000, intervals.Spread(0.05, 2)) == (684, None)


@given(st.integers(0, 10_000), st.floats(0.01, 1e4))
def test_the_interval_of_a_rate_is_garwoods(events, exposure):
    interval = intervals.count(events, exposure)
    low = stats.chi2.ppf(0.025, 2 * events) / 2 if events else 0

    assert interval.low == pytest.approx(low / exposure, rel=1e-9)
    assert interval.high == pytest.approx(stats.chi2.ppf(0.975, 2 * events + 2) / 2 / exposure, rel=1e-9)


def test_no_exposure_no_interval():
    assert intervals.count(3, 0) == NO_INTERVAL and intervals.rate_ratio(0, 5, 0, 5) == NO_INTERVAL


def test_the_interval_of_a_ratio_covers_it_in_at_least_95_percent_of_samples():
    rng = np.random.default_rng(3)
    times, before, orders = 0.5, 0.04, 1500
    covered = 0
    for _ in range(400):
        ratio = intervals.rate_ratio(
            int(rng.poisson(orders * before * times)), orders, int(rng.poisson(2 * orders * before)), 2 * orders
        )
        covered += ratio.low <= times and (ratio.high is None or times <= ratio.high)

    assert covered >= 0.95 * 400 - 2 * math.sqrt(400 * 0.05 * 0.95)
