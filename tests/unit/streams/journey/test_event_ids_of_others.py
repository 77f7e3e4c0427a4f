"""An event id means something in its order and vehicle only: what another one sends under it counts, and is told."""

from tests.unit.streams.journey.test_shown_facts import of, shown
from tests.workshop import checked_in, handed_off, surveyed


def test_one_id_under_two_vehicles_of_an_order_is_two_events_and_both_say_so():
    """The desk typed a wrong VIN, and the system sent the same event again under the right one."""
    wrong = [checked_in("08:00", event_id="dms-1"), handed_off("09:00", event_id="dms-2")]
    again = [checked_in("08:00", event_id="dms-1"), handed_off("09:30", event_id="dms-2"), surveyed("10:00")]
    facts = shown([*of("TYPO", wrong), *of("RIGHT", again)])

    assert facts["RIGHT"]["lead_s"] == 5400
    assert facts["TYPO"]["lead_s"] == 3600
    assert all(fact["anomalies"] == ["vehicle_changed"] for fact in facts.values())
    assert (facts["RIGHT"]["score"], facts["TYPO"]["score"]) == (9, None)


def test_one_id_in_two_orders_is_two_events():
    events = [checked_in("08:00", event_id="1"), checked_in("09:00", event_id="1", order_id="R2", vehicle_id="V2")]
    facts = shown(events)

    assert len(facts) == 2
    assert not any(fact["anomalies"] for fact in facts.values())
