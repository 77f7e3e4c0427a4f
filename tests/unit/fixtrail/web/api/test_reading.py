"""Orders as other systems read them: as they are now, nothing personal unless the key allows it, contacts never."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from schemas.order_key import OrderKey, journey_key
from streams.journey.batch import journey_facts
from tests.event_api import Api, api, problem_of
from tests.workshop import Sent, approved, checked_in, event_of, handed_off, ms, part, quoted, repair, repaired_visit

__all__ = ["api"]


CONTACT = ["sms:+8613800000000"]
PERSONAL = {"vehicle_id": "canary-vin", "customer_id": "canary-customer"}


def tell(api: Api, *events: Sent) -> None:
    """Let the read model know what a worker would have made of these events."""
    facts = journey_facts(map(event_of, events))
    records = [
        SimpleNamespace(headers=(), key=key, value=orjson.dumps(fact), offset=0, partition=0)
        for fact in facts
        if (key := journey_key(OrderKey.of(fact), fact["vehicle_id"]))
    ]
    api.journeys.table.apply(records)
    api.journeys.read.set()


def freeze(monkeypatch: pytest.MonkeyPatch, now_ms: int) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000)


async def test_an_open_orders_wait_goes_on_to_the_second(api: Api, monkeypatch: pytest.MonkeyPatch):
    tell(api, checked_in("08:00", promised="09:30"), part("requested", "08:10", request_id="Q1"))
    freeze(monkeypatch, ms("08:25"))

    order = (await api.get("/orders/R1")).json()

    assert {name: order[name] for name in ("status", "activity", "activity_since", "as_of", "promised_at")} == {
        **{"status": "open", "activity": "parts", "activity_since": "2026-03-02T08:10:00.000Z"},
        **{"as_of": "2026-03-02T08:25:00.000Z", "promised_at": "2026-03-02T09:30:00.000Z"},
    }
    assert (order["wait_s"], order["wait_parts_s"], order["wait_reception_s"], order["lead_s"]) == (
        1500,
        900,
        600,
        1500,
    )
    assert order["parts"][0]["requested_at"] == "2026-03-02T08:10:00.000Z"
    assert order["stages"][-1] == {
        **{"activity": "parts", "started_at": "2026-03-02T08:10:00.000Z"},
        "ended_at": None,
    }


async def test_money_is_told_exactly(api: Api):
    tell(api, checked_in("08:00"), quoted("08:30"), approved("08:40"), handed_off("09:00", amount="770.05"))

    order = (await api.get("/orders/R1")).json()

    assert (order["quoted_amount"], order["approved_amount"], order["final_amount"]) == ("769.9", "769.9", "770.05")
    assert order["quote"]["parts"] == [{"part_no": "P-1", "quantity": "2", "unit_price": "99.95"}]
    assert order["milestones"][0]["name"] == "checked_in"


async def test_a_first_time_fix_is_provisional_until_a_comeback_can_come_no_more(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    tell(api, *repaired_visit())

    for day, status in ((29, "provisional"), (31, "confirmed")):
        freeze(monkeypatch, ms("08:00", day))
        order = (await api.get("/orders/R1")).json()
        assert (order["ftf"], order["ftf_status"]) == (True, status)


async def test_nothing_personal_without_the_scope_and_contacts_never(api: Api):
    tell(api, checked_in("08:00", contact=CONTACT, **PERSONAL))

    answers = [await api.get(path) for path in ("/orders/R1", "/centers/C1/open")]

    for answer in answers:
        assert answer.status_code == 200
        assert "canary" not in answer.text and CONTACT[0] not in answer.text
    key = api.key(scopes=["orders:read", "centers:read", "personal:read"])
    for path in ("/orders/R1", "/centers/C1/open"):
        answer = await api.get(path, key=key)
        assert "canary-vin" in answer.text and "canary-customer" in answer.text
        assert CONTACT[0] not in answer.text


async def test_a_sealed_customer_is_shown_until_restricted_or_erased(tmp_path: Path):
    api = Api(tmp_path)
    (value,) = api.state.vault.seal([orjson.dumps(checked_in("08:00", **PERSONAL))])
    tell(api, orjson.loads(value))
    key = api.key(scopes=["orders:read", "centers:read", "personal:read"])

    async def visible_orders() -> set[str | None]:
        order, orders = (await api.get("/orders/R1", key=key)).json(), await api.get("/centers/C1/open", key=key)
        return {order["customer_id"], orders.json()["orders"][0]["customer_id"]}

    order_keys = [api.state.vault.order_keys.order_of(orjson.loads(value))]
    assert await visible_orders() == {PERSONAL["customer_id"]}
    api.state.vault.restrict(order_keys)
    assert await visible_orders() == {None}
    api.state.vault.restrict(order_keys, lift=True)
    assert await visible_orders() == {PERSONAL["customer_id"]}
    api.state.vault.erase(order_keys)
    assert await visible_orders() == {None}


async def test_the_open_orders_of_a_center_the_longest_there_first(api: Api):
    tell(
        api,
        checked_in("09:00", order_id="R1"),
        checked_in("08:00", order_id="R2"),
        checked_in("07:00", order_id="R3", center_id="C2"),
        *[checked_in("06:00", order_id="R4"), handed_off("06:30", order_id="R4")],
    )

    body = (await api.get("/centers/C1/open")).json()

    assert (body["center_id"], [order["order_id"] for order in body["orders"]]) == ("C1", ["R2", "R1"])
    assert (await api.get("/centers/nowhere/open")).json() == {"center_id": "nowhere", "orders": []}


@pytest.mark.parametrize("order_id", ["R/1", "工单 1", "a?b#c%", "open"])
async def test_an_id_may_be_anything_that_is_percent_encoded(api: Api, order_id: str):
    from urllib.parse import quote

    tell(api, checked_in("08:00", order_id=order_id, center_id=order_id))

    assert (await api.get(f"/orders/{quote(order_id, safe='')}")).json()["order_id"] == order_id
    assert len((await api.get(f"/centers/{quote(order_id, safe='')}/open")).json()["orders"]) == 1


async def test_other_centers_orders_do_not_exist_for_a_key(api: Api):
    tell(api, checked_in("08:00", center_id="C2"))
    key = api.key(scopes=["orders:read", "centers:read"], centers=["C1"])

    hidden, missing = await api.get("/orders/R1", key=key), await api.get("/orders/R2", key=key)

    assert (hidden.status_code, hidden.content) == (404, missing.content)
    assert (await api.get("/centers/C2/open", key=key)).status_code == 404
    assert (await api.get("/orders/R1")).status_code == 200


@pytest.mark.parametrize(("path", "scope"), [("/orders/R1", "orders:read"), ("/centers/C1/open", "centers:read")])
async def test_reading_needs_its_scope(api: Api, path: str, scope: str):
    answer = await api.get(
        path, key=api.key(scopes=[name for name in ("orders:read", "centers:read") if name != scope])
    )

    assert (answer.status_code, problem_of(answer)) == (403, "scope-missing")
    assert (await api.get(path, key="")).status_code == 401


async def test_until_the_journeys_are_read_nothing_is_said_to_be_missing(api: Api):
    answer = await api.get("/orders/R1")

    assert (answer.status_code, problem_of(answer), answer.headers["retry-after"]) == (503, "not-ready", "2")


async def test_an_order_without_check_in_has_no_times(api: Api):
    tell(api, repair("started", "08:00"))

    order: dict[str, Any] = (await api.get("/orders/R1")).json()

    assert (order["wait_s"], order["center_id"], order["anomalies"]) == (None, "C1", ["missing_check_in"])


async def test_centers_with_the_same_number_are_told_apart(api: Api):
    tell(api, checked_in("08:00"), checked_in("08:30", center_id="C2", lane="quick"))

    several = await api.get("/orders/R1")
    assert several.status_code == 409
    assert problem_of(several) == "ambiguous-order"
    assert several.json()["centers"] == ["C1", "C2"]
    assert (await api.get("/orders/R1?center_id=C2")).json()["lane"] == "quick"
    assert (await api.get("/orders/R1?center_id=C1")).json()["lane"] == "standard"
    assert (await api.get("/orders/R1?center_id=C3")).status_code == 404


async def test_a_key_of_one_center_reads_that_center_s_order_and_hears_of_no_other(api: Api):
    tell(api, checked_in("08:00"), checked_in("08:30", center_id="C2"), checked_in("08:00", order_id="R2"))
    key = api.key(scopes=["orders:read", "centers:read"], centers=["C2"])

    assert (await api.get("/orders/R1", key=key)).json()["center_id"] == "C2"
    for path in ("/orders/R1?center_id=C1", "/orders/R2", "/orders/R2?center_id=C1", "/orders/R2?center_id=C2"):
        answer = await api.get(path, key=key)
        assert answer.status_code == 404
        assert "C1" not in answer.text


async def test_a_key_of_one_center_is_not_told_where_its_order_came_back_to(api: Api):
    came_back = [
        checked_in("08:00", 3, center_id="C2", order_id="W-9"),
        quoted("09:00", 3, "brakes", center_id="C2", order_id="W-9"),
    ]
    tell(api, *repaired_visit("brakes"), *came_back)
    order = (await api.get("/orders/R1")).json()
    assert (order["ftf_cause"], order["comeback_order_id"], order["comeback_center_id"]) == ("comeback", "W-9", "C2")

    limited = await api.get("/orders/R1", key=api.key(scopes=["orders:read"], centers=["C1"]))

    assert limited.json()["ftf_cause"] == "comeback"
    assert "W-9" not in limited.text and '"C2"' not in limited.text


async def test_a_key_of_one_center_is_not_told_of_visits_of_its_vehicle_elsewhere(api: Api):
    key = api.key(scopes=["orders:read", "centers:read"], centers=["C1"])
    elsewhere = [checked_in("07:00", center_id="C2", order_id="W-9"), quoted("08:00", center_id="C2", order_id="W-9")]

    async def versions() -> list[int]:
        alone, listed = await api.get("/orders/R1", key=key), await api.get("/centers/C1/open", key=key)
        of_all = await api.get("/orders/R1")
        return [alone.json()["version"], listed.json()["orders"][0]["version"], of_all.json()["version"]]

    tell(api, checked_in("08:00", 3))
    assert await versions() == [1, 1, 1]
    tell(api, checked_in("08:00", 3), *elsewhere)
    assert await versions() == [1, 1, 3]


async def test_of_a_corrected_vehicle_the_newer_events_are_read(api: Api):
    tell(api, checked_in("08:00"), checked_in("09:00", vehicle_id="V2", lane="quick"))

    assert (await api.get("/orders/R1")).json()["lane"] == "quick"
