"""The demo's car: a visit that one can watch for three minutes, wherever the output goes; quick with --once."""

import pytest

from fixtrail.demo import car


@pytest.mark.parametrize(("quick", "at_least_s", "at_most_s"), [(False, 180, 240), (True, 0, 10)])
def test_the_visit_takes_long_enough_to_open_the_page_and_look(monkeypatch, quick, at_least_s, at_most_s):
    slept: list[float] = []
    monkeypatch.setattr(car.time, "sleep", slept.append)
    monkeypatch.setattr(car, "_answer", lambda _settings, limit_s: "approved")
    sent: list[bytes] = []
    car._visit(None, "east-01", lambda value, key: sent.append(value), quick)
    assert len(sent) == 12
    assert at_least_s <= sum(slept[1:]) <= at_most_s
