"""A page whose server knows that its data are old says as of when they are."""

import re

from fixtrail.web.freshness import DataAge, late_after_s
from fixtrail.web.tracking.behind import behind_since
from schemas.facts import JourneyFact
from tests.unit.fixtrail.web.tracking.test_every_history import the_pages
from tests.workshop import checked_in, ms, order_after

NOW = ms("10:00")
FRESH, OLD = NOW - 2_000, ms("09:50")


def ages(kafka: int | None = FRESH, worker: int | None = FRESH, clickhouse: int | None = FRESH) -> list[DataAge]:
    return [
        DataAge("kafka", kafka, ms("08:00"), 12),
        DataAge("worker", worker, None, 12),
        DataAge("clickhouse", clickhouse, ms("08:00"), 12),
    ]


def test_data_are_as_old_as_the_oldest_source_of_the_page():
    assert behind_since(ages(), NOW) is None
    assert behind_since(ages(worker=OLD), NOW) == OLD
    assert behind_since(ages(kafka=OLD + 60_000, worker=OLD), NOW) == OLD


def test_what_the_page_does_not_read_or_nobody_measures_makes_it_no_older():
    assert behind_since(ages(clickhouse=OLD, worker=None), NOW) is None
    assert behind_since(ages(kafka=None), NOW) is None


def test_they_are_old_after_fifteen_seconds_and_two_beats_that_were_missed():
    assert behind_since(ages(worker=NOW - 15_000), NOW) is None
    assert behind_since(ages(worker=NOW - 15_001), NOW) == NOW - 15_001

    seldom = [DataAge("worker", NOW - 30_000, None, late_after_s(20.0))]
    assert behind_since(seldom, NOW) is None
    assert behind_since(seldom, NOW + 20_000) == NOW - 30_000


def test_the_page_says_so_only_then():
    fact = JourneyFact.model_validate(order_after(checked_in("08:00")))
    fresh, old = (the_pages().page("T", fact, "en", NOW, None, behind=behind) for behind in (None, OLD))

    assert re.search(r'id="behind" role="status" hidden', fresh)
    assert "Our data are behind. This is how it was at <time" in old
