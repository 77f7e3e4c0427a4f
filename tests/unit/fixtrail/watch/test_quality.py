"""Quality warnings as alerts: one for each cell, told by one shard, until the product is right again."""

import asyncio
from typing import Any

import pytest

from fixtrail.watch import quality
from fixtrail.watch.config import WatchConfig
from fixtrail.watch.quality import QualityCase, QualityCases
from fixtrail.watch.shard import Shard
from fixtrail.watch.words import Wording
from runtime.failure import ExitError
from schemas.facts import Acknowledgement, Alert
from schemas.times import DAY_MS
from tests.workshop import ms

CONFIG = WatchConfig.model_validate({"rule": [{"name": "product", "kind": "quality_warning"}]})
MONDAY = ms("00:00")
CASE = QualityCase("batch/SENSOR-07/electronics", MONDAY - 14 * DAY_MS, MONDAY - 7 * DAY_MS, 9, 2.13)


@pytest.fixture
def cases() -> QualityCases:
    cases = QualityCases(CONFIG, None)
    cases.cases = [CASE]
    return cases


def alerts_of(shard: Shard, now: int = MONDAY) -> list[Alert]:
    output = shard.tick(now)
    shard.accept(output)
    return [*output.alerts.values()]


def test_a_batch_is_told_once_with_its_cases_and_what_was_expected(cases: QualityCases) -> None:
    shard = Shard(0, CONFIG, {}, acks={}, quality=cases)

    (alert,) = alerts_of(shard)

    assert Wording("en", "UTC", {}).about(alert) == (
        "Product quality: part batch SENSOR-07 (electronics) has 9 cases since 02-16 00:00, 2.1 expected"
    )
    assert "零件批次 SENSOR-07" in Wording("zh-CN", "UTC", {}).about(alert)
    assert (alert.unit, alert.value, alert.limit) == ("cases", 9.0, 2.1)
    cases.cases = [CASE._replace(cases=14, expected=3.0)]
    assert alerts_of(shard, MONDAY + 7 * DAY_MS) == []


def test_only_one_of_the_shards_tells_it(cases: QualityCases) -> None:
    assert alerts_of(Shard(1, CONFIG, {}, acks={}, quality=cases)) == []


def test_fewer_cases_than_the_rule_asks_for_are_not_told(cases: QualityCases) -> None:
    config = WatchConfig.model_validate({"rule": [{"name": "p", "kind": "quality_warning", "least_cases": 10}]})
    cases.rules = [*QualityCases(config, None).rules]

    assert alerts_of(Shard(0, config, {}, acks={}, quality=cases)) == []


def test_it_ends_when_the_product_is_right_again_and_not_while_nothing_is_known(cases: QualityCases) -> None:
    shard = Shard(0, CONFIG, {}, acks={}, quality=cases)
    alerts_of(shard)

    cases.cases = None
    assert alerts_of(shard, MONDAY + 1) == []
    cases.cases = []
    (alert,) = alerts_of(shard, MONDAY + 2)
    assert (alert.state, alert.closed_by) == ("closed", "condition")


def test_after_an_acknowledgement_it_is_told_again_only_when_it_has_begun_again(cases: QualityCases) -> None:
    acks: dict[str, Acknowledgement] = {}
    shard = Shard(0, CONFIG, {}, acks=acks, quality=cases)
    (alert,) = alerts_of(shard)
    about: dict[str, Any] = {"acknowledged_by": "Li", "identity": "li", "via": "command", "note": None}
    acks[alert.alert_id] = Acknowledgement(alert_id=alert.alert_id, acknowledged_at=MONDAY + 1, **about)

    (alert,) = alerts_of(shard, MONDAY + 2)
    assert alert.state == "acknowledged"
    assert alerts_of(shard, MONDAY + DAY_MS) == []
    # The sum began from nothing in that week, and is beyond chance again eight weeks later.
    cases.cases = []
    (alert,) = alerts_of(shard, MONDAY + 7 * DAY_MS)
    assert alert.state == "closed"
    again = MONDAY + 56 * DAY_MS
    cases.cases = [CASE._replace(first=again - 7 * DAY_MS)]
    (alert,) = alerts_of(shard, again)
    assert alert.state == "open"


async def test_where_it_cannot_be_computed_what_is_known_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([[CASE]])

    def compute() -> list[QualityCase]:
        try:
            return next(answers)
        except StopIteration:
            raise ExitError("ClickHouse cannot be reached") from None

    cases = QualityCases(CONFIG, compute)
    cases.needed.set()
    for _ in range(2):
        running = asyncio.create_task(cases.run())
        await asyncio.sleep(0.1)
        running.cancel()

    assert cases.cases == [CASE]
    assert "quality warnings cannot be computed" in caplog.text


async def test_what_could_not_be_computed_is_tried_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch begins with its stack, and ClickHouse may be there a little later: an hour without warnings is long."""
    monkeypatch.setattr(quality, "RETRY_MINUTES", 0.0001)
    answers = iter([ExitError("ClickHouse cannot be reached"), [CASE]])

    def compute() -> list[QualityCase]:
        answer = next(answers)
        if isinstance(answer, ExitError):
            raise answer
        return answer

    cases = QualityCases(CONFIG, compute)
    cases.needed.set()
    running = asyncio.create_task(cases.run())
    await asyncio.sleep(0.3)
    running.cancel()

    assert cases.cases == [CASE]


async def test_a_watch_that_does_not_tell_of_them_does_not_compute_them() -> None:
    calls: list[int] = []

    def compute() -> list[QualityCase]:
        calls.append(1)
        return [CASE]

    cases = QualityCases(CONFIG, compute)
    running = asyncio.create_task(cases.run())
    await asyncio.sleep(0.1)
    assert calls == []
    cases.needed.set()
    await asyncio.sleep(0.1)
    running.cancel()
    assert calls == [1]
