"""What a file of events shows that no vehicle knows for itself: a wrong vehicle, an order that was never closed."""

from typing import Any

import orjson

from schemas.decode import decode_event
from streams.journey.batch import shown_facts
from tests.workshop import approved, called_off, checked_in, diagnosis_started, handed_off, ms, quoted, repair

NOW = ms("18:00")
UNDER_THE_WRONG = [checked_in("08:00"), diagnosis_started("08:05"), quoted("08:10"), approved("08:15")]
UNDER_THE_RIGHT = [repair("started", "08:20"), repair("completed", "08:40"), handed_off("08:50")]


def of(vehicle_id: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event | {"vehicle_id": vehicle_id} for event in events]


def shown(events: list[dict[str, Any]], now: int = NOW) -> dict[str, dict[str, Any]]:
    facts = shown_facts((decode_event(orjson.dumps(event)) for event in events), now)
    return {fact["vehicle_id"]: fact for fact in facts}


def test_an_order_under_two_vehicles_says_so_under_both():
    facts = shown([*of("TYPO", UNDER_THE_WRONG), *of("RIGHT", UNDER_THE_RIGHT)])

    assert facts["TYPO"]["anomalies"] == ["vehicle_changed"]
    assert facts["RIGHT"]["anomalies"] == ["missing_check_in", "vehicle_changed"]


def test_the_same_number_at_another_center_is_another_order():
    second_visit = [event | {"center_id": "C2"} for event in UNDER_THE_RIGHT]
    facts = shown([*of("V1", UNDER_THE_WRONG), *of("V2", second_visit)])

    assert not any("vehicle_changed" in fact["anomalies"] for fact in facts.values())


def test_once_the_vehicle_is_corrected_only_the_right_one_is_shown_whole():
    history = [*UNDER_THE_WRONG, *UNDER_THE_RIGHT]
    facts = shown(
        [
            *of("TYPO", UNDER_THE_WRONG),
            called_off("09:00", reason="vehicle_corrected", vehicle_id="TYPO"),
            *of("RIGHT", history),
        ]
    )

    assert facts.keys() == {"RIGHT"}
    assert (facts["RIGHT"]["anomalies"], facts["RIGHT"]["status"]) == ([], "handed_off")
    assert facts["RIGHT"] == shown(of("RIGHT", history))["RIGHT"]


def test_an_open_order_without_any_event_for_thirty_days_was_never_closed():
    assert shown(UNDER_THE_WRONG, ms("08:15", 30))["V1"]["anomalies"] == []
    assert shown(UNDER_THE_WRONG, ms("08:15", 30) + 1)["V1"]["anomalies"] == ["never_closed"]
    closed = [*UNDER_THE_WRONG, handed_off("08:50")]
    assert shown(closed, ms("08:15", 60))["V1"]["anomalies"] == []
