"""The demo's intervals, against values worked out elsewhere."""

import pytest

from fixtrail.demo.view import nps_interval, wilson


def test_a_share_has_its_score_interval():
    """Newcombe 1998, table I: 81 of 263 and 15 of 148, 0 of 20 and 1 of 29 by Wilson's method without correction."""
    for successes, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_a_score_that_everybody_gives_is_still_uncertain():
    low, high = nps_interval(5, 0, 5)

    assert low < 60
    assert high <= 100


def test_many_answers_narrow_the_score_to_what_it_is():
    low, high = nps_interval(6000, 1000, 10_000)

    assert low < 50 < high
    assert high - low < 3
