"""Reference events over HTTP: judged, limited and answered as those of orders are."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.event_api import SURVEY, Api, problem_of

STOCK = {
    **{"event_id": "e1", "type": "stock_level", "center_id": "C1", "part_no": "P1", "on_hand": 4},
    **{"occurred_at": "2026-03-02T08:00:00.000Z"},
}
PRICES = {
    **{"event_id": "e2", "type": "price_list", "valid_from": "2026-04-01", "labour": [], "parts": []},
    **{"occurred_at": "2026-03-02T08:00:00.000Z", "currency": "CNY"},
}


@pytest.fixture
def api(tmp_path: Path) -> Api:
    api = Api(tmp_path, seal=True)
    api.producer.topic = "reference-events"
    return api


async def post(api: Api, body: Any, **more: Any) -> httpx.Response:
    return await api.post(body, path="/reference", **more)


async def test_an_event_goes_to_its_topic_as_it_came_under_its_center(api: Api):
    answer = await post(api, [STOCK, PRICES])

    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [record.key for record, _ in api.producer.sent] == [b"C1", b""]
    assert b'"on_hand": 4' in api.values[0]


async def test_a_bad_event_is_refused_with_its_reason_and_the_good_one_goes(api: Api):
    answer = await post(api, [STOCK, STOCK | {"on_hand": -1}, SURVEY])

    assert answer.status_code == 207
    assert [item.get("code") for item in answer.json()["items"]] == [None, "invalid_field", "unknown_type"]
    assert answer.json()["items"][1]["field"] == "on_hand"
    assert len(api.values) == 1


async def test_a_key_of_one_center_sends_for_that_center_alone(api: Api):
    key = api.key(centers=["C1"])

    answer = await post(api, [STOCK, STOCK | {"center_id": "C2"}, PRICES], key=key)

    assert [item.get("code") for item in answer.json()["items"]] == [None, "center_not_allowed", "center_not_allowed"]
    assert "name one" in answer.json()["items"][2]["reason"]
    assert [record.key for record, _ in api.producer.sent] == [b"C1"]


async def test_a_key_may_be_held_to_types(api: Api):
    key = api.key(types=["price_list"])

    answer = await post(api, STOCK, key=key)

    assert (answer.status_code, problem_of(answer)) == (403, "not-allowed")
    assert (await post(api, PRICES, key=key)).status_code == 202


async def test_a_key_that_may_only_read_is_refused(api: Api):
    answer = await post(api, STOCK, key=api.key(scopes=["orders:read"]))

    assert (answer.status_code, problem_of(answer)) == (403, "scope-missing")


async def test_strict_handling_sends_nothing_where_a_field_is_unknown(api: Api):
    answer = await post(api, [STOCK, STOCK | {"shelf": "A"}], headers={"prefer": "handling=strict"})

    assert (answer.status_code, problem_of(answer)) == (422, "refused")
    assert api.values == []


async def test_a_repeated_request_gets_the_first_answer_and_sends_nothing(api: Api):
    headers = {"idempotency-key": '"night-1"'}

    first, second = await post(api, STOCK, headers=headers), await post(api, STOCK, headers=headers)

    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert len(api.values) == 1
    elsewhere = await api.post(STOCK, headers=headers)
    assert problem_of(elsewhere) == "idempotency-key-reused"


async def test_the_quota_of_a_key_counts_both_kinds_of_events(api: Api):
    key = api.key(events_per_minute=2)

    assert (await post(api, [STOCK, PRICES], key=key)).status_code == 202
    assert (await api.post(SURVEY, key=key)).status_code == 429
