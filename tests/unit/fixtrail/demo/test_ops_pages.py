"""The demo's workshops are open whenever it is started."""

from datetime import UTC, datetime

import pytest

from fixtrail.demo.run import AFTERNOON, afternoon_zone


@pytest.mark.parametrize("hour", range(24))
def test_it_is_always_afternoon_where_the_demo_plays(hour):
    now = datetime(2026, 3, 29, hour, 59, tzinfo=UTC)
    assert now.astimezone(afternoon_zone(now)).hour == AFTERNOON
