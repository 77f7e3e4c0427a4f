"""An erased customer is gone from the worker's state and its facts; whatever is counted stays as it was."""

import orjson
import pytest

from schemas.erasure import Erasure
from schemas.order_key import OrderKey
from schemas.personal import pseudonym
from streams.journey.merge import merge_orders
from streams.journey.packed_state import plain_state
from streams.journey.partition_state import BatchOutput, PartitionState, order_key
from tests.workshop import Sent, checked_in, event_of, handed_off, repaired_visit

CUSTOMER, CONTACT = "canary-customer", "sms:+8613800138000"
STANDS_FOR = pseudonym("0" * 32)
KEY = order_key("V1", OrderKey("C1", "R1"))
KNOWN_BY = {"vehicle_label": "canary-plate", "advisor": "canary-advisor"}
PERSONAL = {"customer_id": CUSTOMER, "contact": [CONTACT], "vehicle_id": "V1", "event_id": "in", **KNOWN_BY}


class World:
    """A partition's state, and what the last batch came to."""

    def __init__(self) -> None:
        self.orders: dict[bytes, bytes] = {}
        self.vehicles: dict[bytes, bytes] = {}
        self.hours: dict[bytes, bytes] = {}
        self.state = PartitionState(0, self.orders, self.vehicles, self.hours)
        self.offset = -1

    def take(self, *events: Sent) -> BatchOutput:
        records = []
        for event in events:
            self.offset += 1
            records.append((self.offset, event_of(event)))
        return self.state.apply(records)

    def erase(self) -> BatchOutput:
        self.offset += 1
        center_id = event_of(checked_in("08:00")).center_id
        return self.state.apply([], [(self.offset, Erasure("V1", center_id, "R1", {"in": STANDS_FOR}))])


@pytest.fixture
def world() -> World:
    return World()


def is_there(text: str, *tables: dict[bytes, bytes]) -> bool:
    return any(text.encode() in plain_state(value) for table in tables for value in table.values())


def test_nothing_in_the_state_names_an_erased_customer(world: World) -> None:
    world.take(checked_in("08:00", **PERSONAL))
    assert is_there(CUSTOMER, world.orders) and is_there(CONTACT, world.orders)

    out = world.erase()

    assert not is_there(CUSTOMER, world.orders, world.vehicles, world.hours)
    assert not is_there(CONTACT, world.orders, world.vehicles, world.hours)
    assert not is_there("canary", world.orders, world.vehicles, world.hours)
    assert KEY in out.order_changes


def test_an_open_order_goes_on_and_is_about_a_pseudonym(world: World) -> None:
    (before,) = world.take(checked_in("08:00", **PERSONAL)).journeys
    out = world.erase()

    assert out.erased == []
    (after,) = out.journeys
    assert (before["vehicle_label"], before["advisor"]) == ("canary-plate", "canary-advisor")
    assert after == {**before, "customer_id": STANDS_FOR, "vehicle_label": None, "advisor": None}
    assert world.take(handed_off("11:00", vehicle_id="V1")).journeys[0]["status"] == "handed_off"


def test_the_journey_of_a_closed_order_goes_and_its_hours_stay(world: World) -> None:
    world.take(*[{**event, "vehicle_id": "V1"} for event in repaired_visit()])
    hours = dict(world.hours)
    out = world.erase()

    assert [erasure.order_id for erasure in out.erased] == ["R1"]
    assert {key: orjson.loads(value) for key, value in world.hours.items()} == {
        key: orjson.loads(value) for key, value in hours.items()
    }


def test_an_order_that_was_let_go_loses_its_journey(world: World) -> None:
    assert [erasure.order_id for erasure in world.erase().erased] == ["R1"]


def test_erasing_twice_changes_nothing_more(world: World) -> None:
    world.take(checked_in("08:00", **PERSONAL))
    world.erase()
    state = dict(world.orders)
    world.erase()

    assert world.orders == state


def test_the_erased_check_in_sent_again_is_a_duplicate(world: World) -> None:
    world.take(checked_in("08:00", **PERSONAL))
    world.erase()
    out = world.take(checked_in("08:00", **PERSONAL))

    assert (out.outcomes["duplicate"], out.diverted) == (1, [])
    assert not is_there(CONTACT, world.orders)


def test_what_an_older_log_still_knew_does_not_come_back_by_a_merge(world: World) -> None:
    world.take(checked_in("08:00", **PERSONAL))
    before = world.orders[KEY]
    world.erase()
    world.take(handed_off("11:00", vehicle_id="V1"))
    erased = world.orders[KEY]

    for merged in map(plain_state, (merge_orders(before, erased), merge_orders(erased, before))):
        assert CUSTOMER.encode() not in merged
        assert CONTACT.encode() not in merged
        assert merged.count(b"\n") == 2


SEALED = f"{STANDS_FOR}.sealed:key.id"


@pytest.mark.parametrize(
    ("customer", "contact", "outcome"),
    [
        ("somebody else", [CONTACT], "event_id_conflict"),
        (CUSTOMER, ["sms:+86139"], "event_id_conflict"),
        (CUSTOMER, [CONTACT], "duplicate"),
        (SEALED, ["sealed:key.text"], "duplicate"),
        (STANDS_FOR, [], "duplicate"),
    ],
)
def test_who_a_check_in_is_about_is_compared_where_both_say_it_alike(
    world: World, customer: str, contact: list[str], outcome: str
) -> None:
    world.take(checked_in("08:00", **PERSONAL))
    out = world.take(checked_in("08:00", **{**PERSONAL, "customer_id": customer, "contact": contact}))

    assert out.outcomes[outcome] == 1


def test_another_address_sealed_with_the_same_key_contradicts(world: World) -> None:
    world.take(checked_in("08:00", **{**PERSONAL, "customer_id": SEALED, "contact": ["sealed:key.one"]}))
    out = world.take(checked_in("08:00", **{**PERSONAL, "customer_id": SEALED, "contact": ["sealed:key.two"]}))

    assert out.outcomes["event_id_conflict"] == 1
