"""An order that was moved to its right vehicle counts nowhere under the wrong one, whatever came of it there."""

import pytest

from streams.journey.center_hours import contributions_of
from tests.worker_memory import Memory
from tests.workshop import (
    called_off,
    check_failed,
    checked_in,
    event_of,
    facts_after,
    handed_off,
    order_after,
    quoted,
    repair,
)

VISIT = [checked_in("08:00"), quoted("08:10"), repair("started", "08:20"), repair("completed", "08:40")]


@pytest.mark.parametrize("events", [VISIT, [*VISIT, handed_off("09:00")], [*VISIT, check_failed("08:50")]])
def test_it_is_no_order_of_this_vehicle_any_more(events):
    fact = order_after(*events, called_off("10:00", reason="vehicle_corrected"))

    assert (fact["status"], fact["activity"], fact["ftf"]) == ("cancelled", None, None)
    assert "vehicle_corrected" in fact["anomalies"]
    assert contributions_of(fact) == {}
    assert "cancelled" not in [name for name, *_ in fact["timeline"]], "the customer is not told that it was cancelled"


def test_it_brings_no_other_order_back():
    faults = {"fault_groups": ["brakes"]}
    first = [checked_in("08:00"), quoted("08:10", **faults), repair("started", "08:20"), handed_off("09:00")]
    again = [
        event | {"order_id": "R2", "event_id": f"again-{number}"}
        for number, event in enumerate([checked_in("08:00", 3), quoted("08:10", 3, **faults)])
    ]
    assert facts_after(*first, *again)["R1"]["ftf_cause"] == "comeback"
    corrected = called_off("08:30", reason="vehicle_corrected", day=3, order_id="R2")

    assert facts_after(*first, *again, corrected)["R1"]["ftf"] is True


def test_the_stream_takes_back_what_the_hours_had_counted():
    memory = Memory(hold_days=90)
    events = [*VISIT, handed_off("09:00")]
    memory.take([(offset, event_of(event)) for offset, event in enumerate(events)])
    assert sum(hour["handed_off"] for hour in memory.center_hours().values()) == 1
    memory.take([(len(events), event_of(called_off("10:00", reason="vehicle_corrected")))])

    counted = ("check_ins", "handed_off", "cancelled", "judged")
    assert {name: sum(hour[name] for hour in memory.center_hours().values()) for name in counted} == dict.fromkeys(
        counted, 0
    )
