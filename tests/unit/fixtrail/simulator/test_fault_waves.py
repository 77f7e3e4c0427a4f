"""Fault waves: the cars with the marks come more often with the fault, and nobody else does."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from fixtrail.simulator.fault_waves import share_of_cars
from fixtrail.simulator.run import simulate
from fixtrail.simulator.scenario import FaultWave, Scenario, load_scenario
from fixtrail.simulator.truth import truth
from schemas.toml_file import TomlFileError

START = datetime(2026, 7, 6, tzinfo=UTC)
STORY = load_scenario("owners-story")
DAYS, FROM_DAY = 28, 14


def with_wave(**marks: Any) -> Scenario:
    tables = STORY.model_dump()
    return Scenario.model_validate({**tables, "fault_wave": [{"from_day": FROM_DAY, "factor": 30, **marks}]})


def faults(scenario: Scenario) -> list[dict[str, Any]]:
    """Of each order with a product fault: its day, groups, batches taken out, model, software and build."""
    orders: dict[str, dict[str, Any]] = {}
    for _, event in simulate(scenario, 2, DAYS, 4, START):
        order = orders.setdefault(event["order_id"], {"batches": set()})
        if event["type"] == "check_in":
            order |= {name: event[name] for name in ("model", "software", "built")}
            order["day"] = (datetime.fromisoformat(event["occurred_at"]) - START).days
        if event["type"] == "diagnosis" and event.get("fault_origin") == "product":
            order["groups"] = event["fault_groups"]
        if event["type"] == "repair" and "batch" in event:
            order["batches"].add(event["batch"])
    return [order for order in orders.values() if "groups" in order and "day" in order]


def test_a_batch_fails_more_often_from_its_day_on_and_the_other_batches_as_before():
    marks = {"batch": "SENSOR-07"}

    orders = faults(with_wave(**marks))

    batches = Counter(batch for order in orders if order["day"] >= FROM_DAY for batch in order["batches"])
    assert batches["SENSOR-07"] > 10 * sorted(batches.values())[-2] / 3
    before = [order for order in orders if order["day"] < FROM_DAY]
    assert sum("SENSOR-07" in order["batches"] for order in before) <= 3
    assert {group for order in orders if "SENSOR-07" in order["batches"] for group in order["groups"][:1]} == {
        "electronics"
    }


def test_the_factor_is_that_of_the_expected_number():
    """A quarter of all cars are of a model: with five times their faults, five of eight faults are theirs."""
    scenario = with_wave(model="Aurora 5", group="engine", factor=5)
    later = [order for order in faults(scenario) if order["day"] >= FROM_DAY and "engine" in order["groups"]]

    share = sum(order["model"] == "Aurora 5" for order in later) / len(later)

    assert share == pytest.approx(5 / 8, abs=0.12)


@pytest.mark.parametrize(
    ("marks", "share"),
    [
        ({"batch": "SENSOR-07"}, 1 / 40),
        ({"model": "Aurora 5"}, 1 / 4),
        ({"software": "4.2"}, 1 / 24),
        ({"built": "2024-03"}, 1 / 108),
        ({"batch": "SENSOR-07", "model": "Aurora 5"}, 0),  # 7 is of Delta 1
    ],
)
def test_the_share_of_cars_with_the_marks_is_exact(marks: dict[str, str], share: float):
    wave = FaultWave(from_day=0, factor=2, **marks)

    assert share_of_cars(wave, ["SENSOR"]) == pytest.approx(share)


@pytest.mark.parametrize(
    ("marks", "reason"),
    [
        ({}, "needs a batch, model, software or built"),
        ({"batch": "SENSOR-99"}, "no car is of this batch"),
        ({"batch": "PAD-FRONT-07"}, "no fault of the product"),
        ({"model": "Aurora 5", "group": "tyres"}, "no fault of the product"),
        ({"model": "Nobodys"}, "no car is of this"),
        ({"built": "2024-13"}, "pattern"),
        ({"model": "Aurora 5", "factor": 0.5}, "greater than or equal to 1"),
        ({"model": "Aurora 5", "colour": "red"}, "colour"),
    ],
)
def test_a_wave_that_nobody_could_have_is_refused(tmp_path, marks: dict[str, Any], reason: str):
    lines = "\n".join(f"{name} = {value!r}" for name, value in {"from_day": 1, "factor": 3, **marks}.items()).replace(
        '"Nobody\'s"', '"Nobodys"'
    )
    file = tmp_path / "wave.toml"
    file.write_text(f'base = "owners-story"\nname = "wave"\n[[fault_wave]]\n{lines}\n')

    with pytest.raises(TomlFileError, match=reason):
        load_scenario(file)


def test_the_truth_tells_the_waves():
    planted = truth(with_wave(batch="SENSOR-07"), 1, 28, 2, START)

    assert planted["fault_waves"] == [{"batch": "SENSOR-07", "from_day": FROM_DAY, "factor": 30}]
